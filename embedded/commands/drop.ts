import { type Command, namespaceOf } from './command.ts'

export const drop: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    const { store } = request.server
    const namespace = namespaceOf(request)
    const collection = store.exclusive(namespace)
    // As in MongoDB 7, dropping what is not there succeeds.
    if (collection === undefined) return {}
    const nIndexesWas = collection.indexDefinitions.length
    store.drop(collection)
    return { nIndexesWas, ns: namespace }
  },
}
