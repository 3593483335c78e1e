import { type Command, namespaceOf } from './command.ts'

/** A plain collection; capped, time series, views and validators are refused as options. */
export const create: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    // As in MongoDB 7, creating what is there already with the same (no) options succeeds.
    request.server.store.collectionForWriting(namespaceOf(request), request.unit)
    return {}
  },
}
