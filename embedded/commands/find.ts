import { notImplemented } from '../errors.ts'
import { compileProjection } from '../query/find-projection.ts'
import { compileQuery } from '../query/query.ts'
import { parseSort, sortDocuments } from '../query/sort.ts'
import type { Doc } from '../values.ts'
import { booleanOption, type Command, namespaceOf, type Request, wholeOption } from './command.ts'

export const find: Command = {
  options: [
    ...['filter', 'sort', 'projection', 'skip', 'limit', 'batchSize', 'singleBatch', 'allowDiskUse'],
    ...['noCursorTimeout', 'tailable', 'awaitData', 'allowPartialResults'],
  ],
  inTransaction: true,
  retryable: false,
  run(request) {
    const { body } = request
    for (const option of ['tailable', 'awaitData', 'noCursorTimeout']) {
      if (booleanOption(body, option)) notImplemented(`the option '${option}' of find`)
    }
    const namespace = namespaceOf(request)
    const documents = read(request, namespace)
    const single = booleanOption(body, 'singleBatch')
    const owner = { session: request.session, transaction: request.transaction }
    const cursor = request.server.cursors.start(namespace, documents, owner, wholeOption(body, 'batchSize'), single)
    return { cursor }
  },
}

function read(request: Request, namespace: string): Doc[] {
  const { body, unit } = request
  const query = compileQuery(body.filter)
  const sort = body.sort === undefined ? undefined : parseSort(body.sort)
  const project = body.projection === undefined ? undefined : compileProjection(body.projection)
  const skip = wholeOption(body, 'skip') ?? 0
  const limit = wholeOption(body, 'limit') || Number.POSITIVE_INFINITY
  const collection = request.server.store.collection(namespace, unit)
  let documents: Doc[] = []
  for (const { doc } of collection?.find(unit, query) ?? []) {
    documents.push(doc)
    if (sort === undefined && documents.length >= skip + limit) break
  }
  if (sort !== undefined) documents = sortDocuments(documents, sort, (doc) => doc)
  documents = documents.slice(skip, skip + limit)
  return project === undefined ? documents : documents.map(project)
}
