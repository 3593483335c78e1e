import { Binary } from 'bson'
import { compileQuery } from '../query/query.ts'
import { describeIndex, idIndex } from '../store/index-definition.ts'
import type { Doc } from '../values.ts'
import { booleanOption, type Command, cursorNamespace, listingName } from './command.ts'
import { cursorBatchSize, ownerOf } from './list-indexes.ts'

export const listCollections: Command = {
  options: ['filter', 'nameOnly', 'authorizedCollections', 'cursor'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { body, database, server, unit } = request
    const query = compileQuery(body.filter)
    const nameOnly = booleanOption(body, 'nameOnly')
    const listed = server.store
      .namespaces(database)
      .map((namespace): Doc => {
        const name = namespace.slice(database.length + 1)
        const brief: Doc = { name, type: 'collection' }
        const uuid = new Binary(server.store.collection(namespace, unit)!.uuid, Binary.SUBTYPE_UUID)
        const full = { options: {}, info: { readOnly: false, uuid }, idIndex: describeIndex(idIndex) }
        return nameOnly ? brief : { ...brief, ...full }
      })
      .filter(query.matches)
    const namespace = cursorNamespace(database, listingName)
    return { cursor: server.cursors.start(namespace, listed, ownerOf(request), cursorBatchSize(request)) }
  },
}
