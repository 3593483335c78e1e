import { fail } from '../errors.ts'
import { compileQuery } from '../query/query.ts'
import type { Value } from '../values.ts'
import { type Command, namespaceOf } from './command.ts'
import { checkedStatement, required, runStatements, statementsOf } from './statements.ts'

/** What an entry of `deletes` may hold. */
export const deleteStatementOptions = ['q', 'limit']

export const deleteCommand: Command = {
  options: ['deletes', 'ordered'],
  inTransaction: true,
  retryable: true,
  run(request) {
    const { unit } = request
    const namespace = namespaceOf(request)
    let n = 0
    const writeErrors = runStatements(request, statementsOf(request, 'deletes', readStatement), ({ q, limit }) => {
      const query = compileQuery(q)
      let deleted = 0
      const collection = request.server.store.collection(namespace, unit)
      for (const { record } of collection === undefined ? [] : [...collection.find(unit, query)]) {
        collection!.delete(unit, record)
        deleted++
        if (limit === 1) break
      }
      n += deleted
    })
    return { n, ...writeErrors }
  },
}

function readStatement(entry: Value) {
  const statement = checkedStatement(entry, 'deletes', deleteStatementOptions)
  const limit = required(statement, 'limit')
  if (limit !== 0 && limit !== 1) {
    fail('FailedToParse', `The limit field in delete objects must be 0 or 1. Got ${limit}`)
  }
  return { q: required(statement, 'q'), limit }
}
