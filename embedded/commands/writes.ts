// The commands insert, update and delete. Each has a list of statements, which run in order. One statement can fail
// without the others: `ordered` decides whether the command then goes on.
import { calculateObjectSize } from 'bson'
import { CommandError, fail, isTransient, notImplemented } from '../errors.ts'
import { compileQuery } from '../query/filter.ts'
import type { Collection } from '../store/collection.ts'
import type { UnitOfWork } from '../store/unit-of-work.ts'
import { storable } from '../update/storable.ts'
import { compileUpdate, type Update } from '../update/update.ts'
import { checkUpsertFilter, upsertBase } from '../update/upsert.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import type { Request } from './command.ts'
import { type Command, namespaceOf } from './command.ts'
import { booleanOption } from './options.ts'
import { maxWriteBatch } from './server-info.ts'

/** The fields that an entry of `updates` may have. */
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
    const writeErrors = runStatements(request, statementsOf(request, 'updates', readUpdate), (statement, index) => {
      const { multi } = statement
      const query = compileQuery(statement.q)
      const change = compileUpdate(statement.u, statement.arrayFilters)
      if (statement.upsert) checkUpsertFilter(query.source)
      if (multi && change.isReplacement) {
        fail('FailedToParse', 'multi update is not supported for replacement-style update')
      }
      const collection = store.collection(namespace, unit)
      // As in MongoDB, a statement that fails half-way keeps what it changed, but does not count it.
      let matched = 0
      let modified = 0
      // Find everything before the first write, because a write can change what the query finds.
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

function readUpdate(entry: Value) {
  const statement = checkedStatement(entry, 'updates', updateStatementOptions)
  return {
    q: required(statement, 'q'),
    u: required(statement, 'u'),
    multi: booleanOption(statement, 'multi'),
    upsert: booleanOption(statement, 'upsert'),
    arrayFilters: statement.arrayFilters,
  }
}

export const insert: Command = {
  options: ['documents', 'ordered', 'bypassDocumentValidation'],
  inTransaction: true,
  retryable: true,
  run(request) {
    const namespace = namespaceOf(request)
    let n = 0
    const writeErrors = runStatements(request, statementsOf(request, 'documents', readDocument), (document) => {
      // The first storable document creates the collection, even if its insertion then fails.
      const doc = storable(document)
      request.server.store.collectionForWriting(namespace, request.unit).insert(request.unit, doc)
      n++
    })
    return { n, ...writeErrors }
  },
}

function readDocument(entry: Value): Doc {
  return isDoc(entry) ? entry : fail('TypeMismatch', 'each document to insert must be an object')
}

/** The fields that an entry of `deletes` may have. */
export const deleteStatementOptions = ['q', 'limit']

export const deleteCommand: Command = {
  options: ['deletes', 'ordered'],
  inTransaction: true,
  retryable: true,
  run(request) {
    const { unit } = request
    const namespace = namespaceOf(request)
    let n = 0
    const writeErrors = runStatements(request, statementsOf(request, 'deletes', readDelete), ({ q, limit }) => {
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

function readDelete(entry: Value) {
  const statement = checkedStatement(entry, 'deletes', deleteStatementOptions)
  const limit = required(statement, 'limit')
  if (limit !== 0 && limit !== 1) {
    fail('FailedToParse', `The limit field in delete objects must be 0 or 1. Got ${limit}`)
  }
  return { q: required(statement, 'q'), limit }
}

/** Inserts the document of an upsert that found nothing, and returns it. */
export function upsert(collection: Collection, unit: UnitOfWork, filter: Doc, change: Update): Doc {
  const made = change.insert(upsertBase(filter, change.isReplacement))
  collection.insert(unit, made)
  return made
}

/** How many bytes of error messages one reply may carry. */
const maxErrorTextBytes = 1024 * 1024

/** Reads all statements of the command. If one of them is invalid, the whole command fails. */
function statementsOf<T>(request: Request, name: string, read: (entry: Value) => T): T[] {
  const list = request.body[name]
  if (!Array.isArray(list))
    return fail('TypeMismatch', `BSON field '${request.name}.${name}' is missing or not an array`)
  if (list.length === 0 || list.length > maxWriteBatch) {
    fail('InvalidLength', `Write batch sizes must be between 1 and ${maxWriteBatch}. Got ${list.length} operations.`)
  }
  return list.map(read)
}

/** The statement. Throws NotImplemented if it has an option that this server does not know. */
function checkedStatement(statement: Value, name: string, options: readonly string[]): Doc {
  if (!isDoc(statement)) return fail('TypeMismatch', `each entry of '${name}' must be an object`)
  for (const option of Object.keys(statement)) {
    if (!options.includes(option)) notImplemented(`the option '${option}' in '${name}'`)
  }
  return statement
}

function required(statement: Doc, name: string): Value {
  return statement[name] ?? fail('Location40414', `BSON field '${name}' is missing but a required field`)
}

/**
 * Runs `one` for each statement. The error of a statement becomes an entry of `writeErrors`. A conflict between
 * transactions is thrown, because it concerns the whole command.
 */
function runStatements<T>(
  request: Request,
  statements: readonly T[],
  one: (statement: T, index: number) => void,
): { writeErrors?: Doc[] } {
  const ordered = request.body.ordered === undefined || booleanOption(request.body, 'ordered')
  const writeErrors: Record<string, unknown>[] = []
  let textBytes = 0
  for (const [index, statement] of statements.entries()) {
    try {
      one(statement, index)
    } catch (error) {
      if (!(error instanceof CommandError) || isTransient(error)) throw error
      // As in MongoDB, messages beyond the limit are left empty, so that the reply stays small.
      const details = { errmsg: error.message, ...error.extra }
      textBytes += calculateObjectSize(details)
      writeErrors.push({ index, code: error.code, ...(textBytes > maxErrorTextBytes ? { errmsg: '' } : details) })
      // A transaction ends with its first error, even if `ordered` is false.
      if (ordered || request.unit.isTransaction) break
    }
  }
  return writeErrors.length === 0 ? {} : { writeErrors: writeErrors as unknown as Doc[] }
}
