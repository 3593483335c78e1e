// What can be pinned: the newest approved, not revoked revision of a thing. Whatever lacks one is named.

import { invalidState } from '../../common/errors.ts'
import type { Tx } from '../../common/store/rows.ts'
import { type Approved, reviews } from '../audit/repository.ts'

/** Something that is to be pinned. `called` is how people read it. */
export type Wanted = { id: string; called: string }

export function wanted(kind: string, id: string): Wanted {
  return { id, called: `${kind} ${JSON.stringify(id)}` }
}

/** id -> its newest approved, not revoked revision; none where there is none. */
export async function newestApproved(tx: Tx, ids: readonly string[]): Promise<Map<string, Approved>> {
  const newest = new Map<string, Approved>()
  for (const [id, [first]] of await reviews.approvedOf(tx, ids)) if (first) newest.set(id, first)
  return newest
}

/** Throws INVALID_STATE that names everything which lacks an approval, when something does. */
export function refuseUnapproved(things: readonly Wanted[], approved: ReadonlyMap<string, Approved>): void {
  const lacking = things.filter(({ id }) => !approved.has(id))
  if (lacking.length === 0) return
  throw invalidState(
    `No revision is approved of the ${lacking.map(({ called }) => called).join(', the ')}: have it reviewed first, or use another`,
    { unapproved: lacking.map(({ id }) => id) },
  )
}
