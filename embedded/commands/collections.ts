// The commands that create, drop and list collections and databases.
import { Binary } from 'bson'
import { fail } from '../errors.ts'
import { compileQuery } from '../query/filter.ts'
import { describeIndex, idIndex } from '../store/index-definition.ts'
import type { Doc } from '../values.ts'
import { type Command, namespaceOf } from './command.ts'
import { cursorBatchSize, cursorNamespace, listingName, ownerOf } from './cursors.ts'
import { booleanOption } from './options.ts'

/** Creates a plain collection. Options of capped collections, time series, views and validators are refused. */
export const create: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    // As in MongoDB 7, creating a collection that exists with the same (no) options succeeds.
    request.server.store.collectionForWriting(namespaceOf(request), request.unit)
    return {}
  },
}

export const drop: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { store } = request.server
    const namespace = namespaceOf(request)
    const collection = store.exclusive(namespace)
    // As in MongoDB 7, dropping a collection that does not exist succeeds.
    if (collection === undefined) return {}
    const nIndexesWas = collection.indexDefinitions.length
    store.drop([collection])
    return { nIndexesWas, ns: namespace }
  },
}

export const dropDatabase: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    if (request.body.dropDatabase !== 1) return fail('BadValue', 'have to pass 1 as db parameter')
    const { store } = request.server
    // Get all collections first: if one of them is in use, the command must stop before it drops anything.
    const collections = store.namespaces(request.database).map((namespace) => store.exclusive(namespace)!)
    if (collections.length > 0) store.drop(collections)
    return collections.length === 0 ? {} : { dropped: request.database }
  },
}

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

/** This server does not keep sizes by database, so every size is 0. A database without collections does not exist. */
export const listDatabases: Command = {
  options: ['filter', 'nameOnly', 'authorizedDatabases'],
  inTransaction: false,
  retryable: false,
  adminOnly: true,
  run(request) {
    const query = compileQuery(request.body.filter)
    const nameOnly = booleanOption(request.body, 'nameOnly')
    const names = new Set(
      request.server.store.namespaces().map((namespace) => namespace.slice(0, namespace.indexOf('.'))),
    )
    const databases = [...names]
      .sort()
      .map((name): Doc => (nameOnly ? { name } : { name, sizeOnDisk: 0, empty: false }))
      .filter(query.matches)
    return nameOnly ? { databases } : { databases, totalSize: 0, totalSizeMb: 0 }
  },
}
