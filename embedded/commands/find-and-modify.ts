// The command findAndModify: finds one document by a filter and a sort order, and updates, replaces or deletes it.
import { fail } from '../errors.ts'
import { compileQuery, type Query } from '../query/filter.ts'
import { compileProjection } from '../query/find-projection.ts'
import { parseSort, sortDocuments } from '../query/sort-keys.ts'
import type { Collection, Found } from '../store/collection.ts'
import { compileUpdate } from '../update/update.ts'
import { checkUpsertFilter } from '../update/upsert.ts'
import type { Doc } from '../values.ts'
import type { Request } from './command.ts'
import { type Command, namespaceOf } from './command.ts'
import { booleanOption } from './options.ts'
import { upsert } from './writes.ts'

export const findAndModify: Command = {
  options: ['query', 'sort', 'fields', 'update', 'remove', 'new', 'upsert', 'arrayFilters', 'bypassDocumentValidation'],
  inTransaction: true,
  retryable: true,
  run(request) {
    const { body } = request
    const remove = booleanOption(body, 'remove')
    if (remove === (body.update !== undefined))
      fail('FailedToParse', 'Either an update or remove=true must be specified')
    if (remove && booleanOption(body, 'upsert'))
      fail('FailedToParse', 'Cannot specify both upsert=true and remove=true')
    if (remove && booleanOption(body, 'new'))
      fail(
        'FailedToParse',
        "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document",
      )
    const query = compileQuery(body.query)
    if (booleanOption(body, 'upsert')) checkUpsertFilter(query.source)
    const project = body.fields === undefined ? (doc: Doc) => doc : compileProjection(body.fields)
    const { lastErrorObject, value } = remove ? removeOne(request, query) : updateOne(request, query)
    return { lastErrorObject, value: value === null ? null : project(value) }
  },
}

interface Outcome {
  lastErrorObject: Doc
  value: Doc | null
}

function removeOne(request: Request, query: Query): Outcome {
  const { unit } = request
  const collection = request.server.store.collection(namespaceOf(request), unit)
  const found = firstMatch(request, query, collection)
  if (found === undefined) return { lastErrorObject: { n: 0 }, value: null }
  collection!.delete(unit, found.record)
  return { lastErrorObject: { n: 1 }, value: found.doc }
}

function updateOne(request: Request, query: Query): Outcome {
  const { body, unit } = request
  const { store } = request.server
  const namespace = namespaceOf(request)
  const change = compileUpdate(body.update, body.arrayFilters)
  const wantsNew = booleanOption(body, 'new')
  const collection = store.collection(namespace, unit)
  const found = firstMatch(request, query, collection)
  if (found !== undefined) {
    const changed = change.apply(found.doc, query)
    if (changed !== found.doc) collection!.replace(unit, found.record, changed)
    return { lastErrorObject: { n: 1, updatedExisting: true }, value: wantsNew ? changed : found.doc }
  }
  if (!booleanOption(body, 'upsert')) return { lastErrorObject: { n: 0, updatedExisting: false }, value: null }
  const made = upsert(store.collectionForWriting(namespace, unit), unit, query.source, change)
  return { lastErrorObject: { n: 1, updatedExisting: false, upserted: made._id! }, value: wantsNew ? made : null }
}

function firstMatch(request: Request, query: Query, collection: Collection | undefined): Found | undefined {
  const sort = request.body.sort === undefined ? undefined : parseSort(request.body.sort)
  if (collection === undefined) return undefined
  const candidates = collection.find(request.unit, query)
  if (sort === undefined) return candidates.next().value as Found | undefined
  return sortDocuments([...candidates], sort, ({ doc }) => doc)[0]
}
