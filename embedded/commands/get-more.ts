import { fail } from '../errors.ts'
import { type Command, checkedNamespace, wholeOption } from './command.ts'

/** Only cursors of tailable kind wait for data, and there are none, so `maxTimeMS` has nothing to bound. */
export const getMore: Command = {
  options: ['collection', 'batchSize'],
  inTransaction: true,
  retryable: false,
  run(request) {
    const { body } = request
    const id = wholeOption(body, 'getMore')!
    if (typeof body.collection !== 'string')
      return fail('TypeMismatch', "BSON field 'getMore.collection' must be a string")
    const owner = { session: request.session, transaction: request.transaction }
    const namespace = checkedNamespace(request.database, body.collection)
    // In this command 0 means no limit.
    const size = wholeOption(body, 'batchSize') || undefined
    return { cursor: request.server.cursors.next(id, namespace, owner, size) }
  },
}
