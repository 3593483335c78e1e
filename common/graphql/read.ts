// Reads one thing for a caller. The role is checked after the read, since it depends on the app of the thing.

import { authorize, requirePrincipal } from '../access/rights.ts'
import type { IdKind } from '../base/ids.ts'
import { idOf, parseInput } from '../command/input.ts'
import type { Caller } from '../command/services.ts'

/** Like `readable`, by id. Throws BAD_USER_INPUT for an id of another kind of thing. */
export async function readById<T extends { app: string }>(
  caller: Caller,
  kind: IdKind,
  id: string,
  find: (id: string) => Promise<T | null>,
): Promise<T | null> {
  requirePrincipal(caller.principal)
  return readable(caller, () => find(parseInput(idOf(kind), id, 'id')))
}

/** What `find` finds, or null. Throws UNAUTHENTICATED without a token, and FORBIDDEN without a role in the thing's app. */
export async function readable<T extends { app: string }>(
  caller: Caller,
  find: () => Promise<T | null>,
): Promise<T | null> {
  requirePrincipal(caller.principal)
  const found = await find()
  if (found) authorize(caller.principal, found.app, 'read')
  return found
}
