import { Long } from 'bson'
import { fail } from '../errors.ts'
import { type Command, cursorNamespace } from './command.ts'

export const killCursors: Command = {
  options: ['cursors'],
  inTransaction: true,
  retryable: false,
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
