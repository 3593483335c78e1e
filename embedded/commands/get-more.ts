import { fail } from '../errors.ts'
import { type Command, cursorNamespace, wholeOption } from './command.ts'

/** Only cursors of tailable kind wait for data, and there are none, so `maxTimeMS` has nothing to bound: as in MongoDB. */
export const getMore: Command = {
  options: ['collection', 'batchSize'],
  inTransaction: true,
  retryable: false,
  run(request) {
    const { body } = request
    if (body.maxTimeMS !== undefined)
      fail('BadValue', 'cannot set maxTimeMS on getMore command for a non-awaitData cursor')
    const id = wholeOption(body, 'getMore')!
    if (typeof body.collection !== 'string')
      return fail('TypeMismatch', "BSON field 'getMore.collection' must be a string")
    const owner = { session: request.session, transaction: request.transaction }
    const namespace = cursorNamespace(request.database, body.collection)
    // In this command 0 means no limit.
    const size = wholeOption(body, 'batchSize') || undefined
    return { cursor: request.server.cursors.next(id, namespace, owner, size) }
  },
}
