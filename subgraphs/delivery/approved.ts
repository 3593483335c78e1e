// What can be pinned: things of which a revision is approved. Whatever lacks one is named.

import { invalidState } from '../../common/base/errors.ts'
import type { Approved } from '../audit/repository.ts'

/** Something that is to be pinned. `called` is how people read it. */
export type Wanted = { id: string; called: string }

export function wanted(kind: string, id: string): Wanted {
  return { id, called: `${kind} ${JSON.stringify(id)}` }
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
