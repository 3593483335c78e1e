import { newContext } from '../aggregate/context.ts'
import { compilePipeline } from '../aggregate/pipeline.ts'
import { fail, notImplemented } from '../errors.ts'
import { compileQuery } from '../query/query.ts'
import type { Doc } from '../values.ts'
import { booleanOption, type Command, checkedNamespace, namespaceOf, type Request } from './command.ts'
import { cursorBatchSize, ownerOf } from './list-indexes.ts'

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

/** What passes in another collection of the database, as this command sees it; everything without a filter. */
function documentsOf({ database, server, unit }: Request, name: string, filter?: Doc): Doc[] {
  const collection = server.store.collection(checkedNamespace(database, name), unit)
  return [...(collection?.find(unit, compileQuery(filter)) ?? [])].map(({ doc }) => doc)
}
