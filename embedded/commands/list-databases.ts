import { compileQuery } from '../query/query.ts'
import type { Doc } from '../values.ts'
import { booleanOption, type Command } from './command.ts'

/** Sizes are not kept by database, so each is given as 0 (`empty` is what a database cannot be here). */
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
