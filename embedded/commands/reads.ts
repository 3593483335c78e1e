// The commands that read documents: find, count, distinct and aggregate.
import { calculateObjectSize } from 'bson'
import { newContext } from '../aggregate/context.ts'
import { compilePipeline } from '../aggregate/pipeline.ts'
import { keyOf } from '../compare.ts'
import { maxDocumentBytes } from '../encode.ts'
import { fail, notImplemented } from '../errors.ts'
import { someAt, splitPath } from '../paths.ts'
import { compileQuery } from '../query/filter.ts'
import { compileProjection } from '../query/find-projection.ts'
import { parseSort, sortDocuments } from '../query/sort-keys.ts'
import type { Doc, Value } from '../values.ts'
import type { Request } from './command.ts'
import { type Command, checkedNamespace, namespaceOf } from './command.ts'
import { cursorBatchSize, ownerOf } from './cursors.ts'
import { booleanOption, wholeOption } from './options.ts'

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
    const documents = readDocuments(request, namespace)
    const single = booleanOption(body, 'singleBatch')
    const batchSize = wholeOption(body, 'batchSize')
    return { cursor: request.server.cursors.start(namespace, documents, ownerOf(request), batchSize, single) }
  },
}

function readDocuments(request: Request, namespace: string): Doc[] {
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

export const count: Command = {
  options: ['query', 'skip', 'limit'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { body, unit } = request
    const query = compileQuery(body.query)
    const collection = request.server.store.collection(namespaceOf(request), unit)
    const skip = wholeOption(body, 'skip') ?? 0
    const limit = wholeOption(body, 'limit') || Number.POSITIVE_INFINITY
    let n = 0
    for (const _ of collection?.find(unit, query) ?? []) n++
    return { n: Math.min(limit, Math.max(0, n - skip)) }
  },
}

export const distinct: Command = {
  options: ['key', 'query'],
  inTransaction: true,
  retryable: false,
  run(request) {
    const { body, unit } = request
    if (typeof body.key !== 'string') return fail('TypeMismatch', "BSON field 'distinct.key' must be a string")
    const parts = splitPath(body.key)
    const query = compileQuery(body.query)
    const collection = request.server.store.collection(namespaceOf(request), unit)
    const values = new Map<string, Value>()
    for (const { doc } of collection?.find(unit, query) ?? []) {
      // An array stands for its elements, but not for elements of elements. A missing field has no value.
      someAt(doc, parts, 0, false, (value) => {
        if (value === undefined) return false
        for (const one of Array.isArray(value) ? value : [value])
          if (!values.has(keyOf(one))) values.set(keyOf(one), one)
        return false
      })
    }
    const reply = { values: [...values.values()] }
    if (calculateObjectSize(reply) > maxDocumentBytes) fail('Location17217', 'distinct too big, 16mb cap')
    return reply
  },
}

export const aggregate: Command = {
  options: ['pipeline', 'cursor', 'allowDiskUse'],
  inTransaction: true,
  retryable: false,
  run(request) {
    const { body, server, unit } = request
    if (body.aggregate === 1) notImplemented('an aggregation over the database')
    if (body.cursor === undefined)
      fail('FailedToParse', "The 'cursor' option is required, except for aggregate with the explain argument")
    booleanOption(body, 'allowDiskUse')
    const namespace = namespaceOf(request)
    const context = newContext((name, passing) => documentsOf(request, name, passing))
    const { filter, stages } = compilePipeline(body.pipeline, context)
    const query = compileQuery(filter, context)
    const collection = server.store.collection(namespace, unit)
    let documents: readonly Doc[] = [...(collection?.find(unit, query) ?? [])].map(({ doc }) => doc)
    for (const stage of stages) documents = stage(documents)
    return { cursor: server.cursors.start(namespace, documents, ownerOf(request), cursorBatchSize(request)) }
  },
}

/** The documents of another collection that match the filter, as this command sees them. For `$lookup`. */
function documentsOf({ database, server, unit }: Request, name: string, filter?: Doc): Doc[] {
  const collection = server.store.collection(checkedNamespace(database, name), unit)
  return [...(collection?.find(unit, compileQuery(filter)) ?? [])].map(({ doc }) => doc)
}
