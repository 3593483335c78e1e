// Reading for a caller: the role is checked on the thing that was found, since its app says which role it takes.

import { authorize, requirePrincipal } from '../access/rights.ts'
import type { IdKind } from '../base/ids.ts'
import { idOf, parseInput } from '../command/input.ts'
import type { Caller } from '../command/services.ts'

/** The same by id, for the query of one thing: BAD_USER_INPUT for the id of another kind of thing. */
export async function readById<T extends { app: string }>(
  caller: Caller,
  kind: IdKind,
  id: string,
  find: (id: string) => Promise<T | null>,
): Promise<T | null> {
  requirePrincipal(caller.principal)
  return readable(caller, () => find(parseInput(idOf(kind), id, 'id')))
}

/** What was found, null when nothing was; UNAUTHENTICATED without a token, FORBIDDEN without a role in its app. */
export async function readable<T extends { app: string }>(
  caller: Caller,
  find: () => Promise<T | null>,
): Promise<T | null> {
  requirePrincipal(caller.principal)
  const found = await find()
  if (found) authorize(caller.principal, found.app, 'read')
  return found
}
