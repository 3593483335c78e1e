import { equal } from '../compare.ts'
import { fail } from '../errors.ts'
import type { Collection } from '../store/collection.ts'
import { isDoc, type Maybe } from '../values.ts'
import { type Command, namespaceOf } from './command.ts'

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
    const names = namesOf(collection, request.body.index)
    for (const name of names) collection.indexes.delete(name)
    if (names.length > 0) store.redefine(collection)
    return { nIndexesWas }
  },
}

/** An index is named by its name, its key, or a list of names; '*' is all of them but that of `_id`. */
function namesOf(collection: Collection, index: Maybe): string[] {
  if (index === '*') return [...collection.indexes.keys()]
  if (Array.isArray(index)) return index.flatMap((name) => namesOf(collection, name))
  if (typeof index === 'string') {
    if (index === '_id_') fail('InvalidOptions', 'cannot drop _id index')
    if (!collection.indexes.has(index)) fail('IndexNotFound', `index not found with name [${index}]`)
    return [index]
  }
  if (!isDoc(index))
    return fail('TypeMismatch', "BSON field 'dropIndexes.index' must be a string, an object or an array")
  const found = collection.indexDefinitions.find((definition) => equal(definition.key, index))
  if (found === undefined) return fail('IndexNotFound', `can't find index with key: ${JSON.stringify(index)}`)
  return namesOf(collection, found.name)
}
