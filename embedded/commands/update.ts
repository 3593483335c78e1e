import { fail } from '../errors.ts'
import { compileQuery } from '../query/query.ts'
import { compileUpdate } from '../update/update.ts'
import { checkUpsertFilter } from '../update/upsert.ts'
import type { Doc, Value } from '../values.ts'
import { booleanOption, type Command, namespaceOf } from './command.ts'
import { checkedStatement, required, runStatements, statementsOf } from './statements.ts'
import { upsert } from './upsert.ts'

/** What an entry of `updates` may hold. */
export const updateStatementOptions = ['q', 'u', 'multi', 'upsert', 'arrayFilters']

export const update: Command = {
  options: ['updates', 'ordered', 'bypassDocumentValidation'],
  inTransaction: true,
  retryable: true,
  run(request) {
    const { unit } = request
    const { store } = request.server
    const namespace = namespaceOf(request)
    let n = 0
    let nModified = 0
    const upserted: Doc[] = []
    const writeErrors = runStatements(request, statementsOf(request, 'updates', readStatement), (statement, index) => {
      const { multi } = statement
      const query = compileQuery(statement.q)
      const change = compileUpdate(statement.u, statement.arrayFilters)
      if (statement.upsert) checkUpsertFilter(query.source)
      if (multi && change.isReplacement) {
        fail('FailedToParse', 'multi update is not supported for replacement-style update')
      }
      const collection = store.collection(namespace, unit)
      // What a statement did before it failed stays and is not counted, as in MongoDB.
      let matched = 0
      let modified = 0
      // All at once, since what is written changes what is found.
      for (const { record, doc } of collection === undefined ? [] : [...collection.find(unit, query)]) {
        const changed = change.apply(doc, query)
        matched++
        if (changed !== doc) {
          collection!.replace(unit, record, changed)
          modified++
        }
        if (!multi) break
      }
      n += matched
      nModified += modified
      if (matched > 0 || !statement.upsert) return
      const made = upsert(store.collectionForWriting(namespace, unit), unit, query.source, change)
      n++
      upserted.push({ index, _id: made._id! })
    })
    return { n, nModified, ...(upserted.length > 0 ? { upserted } : {}), ...writeErrors }
  },
}

function readStatement(entry: Value) {
  const statement = checkedStatement(entry, 'updates', updateStatementOptions)
  return {
    q: required(statement, 'q'),
    u: required(statement, 'u'),
    multi: booleanOption(statement, 'multi'),
    upsert: booleanOption(statement, 'upsert'),
    arrayFilters: statement.arrayFilters,
  }
}
