import { fail } from '../errors.ts'
import type { Collection } from '../store/collection.ts'
import { type IndexDefinition, idIndex, parseIndex, sameIndex, sameKey } from '../store/index-definition.ts'
import { type Command, namespaceOf } from './command.ts'

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
    if (seen !== undefined && wanted.every((definition) => isThere(seen, definition))) {
      // Nothing changes, so nothing has to be waited for.
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
        if (isThere(collection, definition)) continue
        if (collection.indexDefinitions.length >= maxIndexes)
          fail('CannotCreateIndex', `add index fails, too many indexes for ${namespace}`)
        collection.addIndex(definition)
        added.push(definition.name)
      }
    } catch (error) {
      for (const name of added) collection.indexes.delete(name)
      throw error
    }
    if (existing !== undefined && added.length > 0) store.redefine(collection)
    return {
      numIndexesBefore: before,
      numIndexesAfter: before + added.length,
      createdCollectionAutomatically: existing === undefined,
    }
  },
}

/** Whether the very same index is there; another of its name, or with its key and other options, is an error. */
function isThere(collection: Collection, wanted: IndexDefinition): boolean {
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
