// The commands on open cursors, and how other commands open one. The cursors themselves are in ../cursors.ts.
import { Long } from 'bson'
import { fail } from '../errors.ts'
import { isDoc } from '../values.ts'
import type { Request } from './command.ts'
import { type Command, checkedNamespace } from './command.ts'
import { wholeOption } from './options.ts'

/** As in MongoDB, only tailable cursors take `maxTimeMS`. This server has none of them. */
export const getMore: Command = {
  options: ['collection', 'batchSize'],
  inTransaction: true,
  retryable: false,
  runsOnce: true,
  run(request) {
    const { body } = request
    if (body.maxTimeMS !== undefined)
      fail('BadValue', 'cannot set maxTimeMS on getMore command for a non-awaitData cursor')
    const id = wholeOption(body, 'getMore')!
    if (typeof body.collection !== 'string')
      return fail('TypeMismatch', "BSON field 'getMore.collection' must be a string")
    const namespace = cursorNamespace(request.database, body.collection)
    // In getMore, 0 means no limit.
    const size = wholeOption(body, 'batchSize') || undefined
    return { cursor: request.server.cursors.next(id, namespace, ownerOf(request), size) }
  },
}

export const killCursors: Command = {
  options: ['cursors'],
  inTransaction: true,
  retryable: false,
  runsOnce: true,
  run(request) {
    const ids = request.body.cursors
    if (!Array.isArray(ids)) return fail('TypeMismatch', "BSON field 'killCursors.cursors' must be an array")
    const { killCursors: name } = request.body
    if (typeof name !== 'string') return fail('BadValue', 'collection name has invalid type')
    const namespace = cursorNamespace(request.database, name)
    const killed: Long[] = []
    const notFound: Long[] = []
    for (const id of ids) {
      if (typeof id !== 'number') return fail('TypeMismatch', 'a cursor id must be a number')
      const list = request.server.cursors.kill(id, namespace) ? killed : notFound
      list.push(Long.fromNumber(id))
    }
    return { cursorsKilled: killed, cursorsNotFound: notFound, cursorsAlive: [], cursorsUnknown: [] }
  },
}

/** The collection name under which MongoDB opens the cursors of `listCollections`. */
export const listingName = '$cmd.listCollections'

/** The namespace of a cursor: a collection's, or that of `listCollections`. Throws InvalidNamespace. */
export function cursorNamespace(database: string, name: string): string {
  return name === listingName ? `${database}.${name}` : checkedNamespace(database, name)
}

/** The session and the transaction that may continue a cursor of this request. */
export function ownerOf(request: Request): { session: string | undefined; transaction: number | undefined } {
  return { session: request.session, transaction: request.transaction }
}

/** The `batchSize` in a command's `cursor` option. */
export function cursorBatchSize(request: Request): number | undefined {
  const cursor = request.body.cursor
  if (cursor === undefined) return undefined
  if (!isDoc(cursor)) return fail('TypeMismatch', "BSON field 'cursor' must be an object")
  for (const option of Object.keys(cursor))
    if (option !== 'batchSize') fail('Location40415', `BSON field 'cursor.${option}' is an unknown field.`)
  return wholeOption(cursor, 'batchSize')
}
