// The commands on sessions. Dispatch itself ends transactions, because it knows the session; see ../dispatch.ts.
import { randomUUID } from 'node:crypto'
import { UUID } from 'bson'
import { fail } from '../errors.ts'
import { sessionId } from '../sessions.ts'
import type { Command, Request } from './command.ts'

/** Runs only without `autocommit: false`, and then there is no transaction to end. */
export const endTransaction: Command = {
  options: [],
  inTransaction: true,
  retryable: false,
  adminOnly: true,
  run: (request) =>
    fail('InvalidOptions', `${request.name} needs a transaction: autocommit: false, a session and a number`),
}

export const startSession: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run: () => ({ id: { id: new UUID(randomUUID()) }, timeoutMinutes: 30 }),
}

export const endSessions: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    request.server.sessions.endAll(sessionIds(request))
    return {}
  },
}

export const refreshSessions: Command = {
  options: [],
  inTransaction: false,
  retryable: false,
  run(request) {
    request.server.sessions.refresh(sessionIds(request))
    return {}
  },
}

function sessionIds(request: Request): string[] {
  const list = request.body[request.name]
  if (!Array.isArray(list))
    return fail('TypeMismatch', `BSON field '${request.name}' is the wrong type, expected type 'array'`)
  return list.map(sessionId)
}
