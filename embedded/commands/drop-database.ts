import { fail } from '../errors.ts'
import type { Command } from './command.ts'

export const dropDatabase: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    if (request.body.dropDatabase !== 1) return fail('BadValue', 'have to pass 1 as db parameter')
    const { store } = request.server
    // First all of them, so that one that is in use stops the command before anything is gone.
    const collections = store.namespaces(request.database).map((namespace) => store.exclusive(namespace)!)
    for (const collection of collections) store.drop(collection)
    return collections.length === 0 ? {} : { dropped: request.database }
  },
}
