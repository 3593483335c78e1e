// The commands that create, drop and list indexes. What an index is stands in store/index-definition.ts.
import { equal } from '../compare.ts'
import { fail } from '../errors.ts'
import type { Collection } from '../store/collection.ts'
import {
  describeIndex,
  type IndexDefinition,
  idIndex,
  parseIndex,
  sameIndex,
  sameKey,
} from '../store/index-definition.ts'
import { isDoc, type Maybe } from '../values.ts'
import { type Command, namespaceOf } from './command.ts'
import { cursorBatchSize, ownerOf } from './cursors.ts'

const maxIndexes = 64

export const createIndexes: Command = {
  options: ['indexes'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { unit } = request
    const { store } = request.server
    const namespace = namespaceOf(request)
    const specs = request.body.indexes
    if (!Array.isArray(specs) || specs.length === 0)
      return fail('BadValue', 'Must specify at least one index to create')
    const wanted = specs.map(parseIndex)
    const seen = store.collection(namespace, unit)
    if (seen !== undefined && wanted.every((definition) => alreadyExists(seen, definition))) {
      // Nothing changes, so the command does not wait for transactions.
      const count = seen.indexDefinitions.length
      const note = 'all indexes already exist'
      return { numIndexesBefore: count, numIndexesAfter: count, createdCollectionAutomatically: false, note }
    }
    const existing = store.exclusive(namespace)
    const collection = existing ?? store.collectionForWriting(namespace, unit)
    const before = collection.indexDefinitions.length
    const added: string[] = []
    try {
      for (const definition of wanted) {
        if (alreadyExists(collection, definition)) continue
        if (collection.indexDefinitions.length >= maxIndexes)
          fail('CannotCreateIndex', `add index fails, too many indexes for ${namespace}`)
        collection.addIndex(definition)
        added.push(definition.name)
      }
      if (existing !== undefined && added.length > 0) store.redefine(collection, collection.indexDefinitions)
    } catch (error) {
      for (const name of added) collection.indexes.delete(name)
      throw error
    }
    return {
      numIndexesBefore: before,
      numIndexesAfter: before + added.length,
      createdCollectionAutomatically: existing === undefined,
    }
  },
}

/** Throws if another index has the same name, or the same key with other options. */
function alreadyExists(collection: Collection, wanted: IndexDefinition): boolean {
  if (sameKey(wanted, idIndex)) return true
  for (const existing of collection.indexDefinitions) {
    if (existing.name === wanted.name) {
      if (sameKey(existing, wanted) && sameIndex(existing, wanted)) return true
      fail(
        'IndexKeySpecsConflict',
        `An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Index: '${wanted.name}'`,
      )
    }
    if (sameKey(existing, wanted)) {
      fail('IndexOptionsConflict', `Index already exists with a different name or with other options: ${existing.name}`)
    }
  }
  return false
}

export const dropIndexes: Command = {
  options: ['index'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { store } = request.server
    const namespace = namespaceOf(request)
    const collection = store.exclusive(namespace)
    if (collection === undefined) return fail('NamespaceNotFound', `ns not found ${namespace}`)
    const nIndexesWas = collection.indexDefinitions.length
    const names = indexNames(collection, request.body.index)
    if (names.length > 0) {
      const kept = collection.indexDefinitions.filter(({ name }) => !names.includes(name))
      store.redefine(collection, kept)
      for (const name of names) collection.indexes.delete(name)
    }
    return { nIndexesWas }
  },
}

/** `index` is a name, a key, a list of both, or '*' for all indexes except that of `_id`. */
function indexNames(collection: Collection, index: Maybe): string[] {
  if (index === '*') return [...collection.indexes.keys()]
  if (Array.isArray(index)) return index.flatMap((name) => indexNames(collection, name))
  if (typeof index === 'string') {
    if (index === '_id_') fail('InvalidOptions', 'cannot drop _id index')
    if (!collection.indexes.has(index)) fail('IndexNotFound', `index not found with name [${index}]`)
    return [index]
  }
  if (!isDoc(index))
    return fail('TypeMismatch', "BSON field 'dropIndexes.index' must be a string, an object or an array")
  const found = collection.indexDefinitions.find((definition) => equal(definition.key, index))
  if (found === undefined) return fail('IndexNotFound', `can't find index with key: ${JSON.stringify(index)}`)
  return indexNames(collection, found.name)
}

export const listIndexes: Command = {
  options: ['cursor'],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { server, unit } = request
    const namespace = namespaceOf(request)
    const collection = server.store.collection(namespace, unit)
    if (collection === undefined) return fail('NamespaceNotFound', `ns does not exist: ${namespace}`)
    const indexes = collection.indexDefinitions.map(describeIndex)
    return { cursor: server.cursors.start(namespace, indexes, ownerOf(request), cursorBatchSize(request)) }
  },
}
