// Raising the epoch after a database was restored from a backup. The channel and the nodes then hold higher stamps than the
// database, so they would refuse everything it publishes. In a new epoch all stamps are higher. Example: 1767225600.57 is
// below 1769904000.42. Every slot is composed again, from its pins.

import { recordChange } from '../../common/store/changes.ts'
import { raiseEpoch } from '../../common/store/meta.ts'
import type { Store } from '../../common/store/store.ts'
import { compose } from './composition.ts'
import { slotHeads } from './repository.ts'

const ACTOR = 'raise-epoch'

/** Returns the new epoch (Unix seconds) and the number of slots that were composed. It can run again after an interruption. */
export async function composeInNewEpoch(
  store: Store,
  now: () => number,
  progress: (done: number, total: number) => void,
): Promise<{ epoch: number; slots: number }> {
  const epoch = await raiseEpoch(store, now())
  const ids = await slotHeads.allIds(store)
  for (const [index, slot] of ids.entries()) {
    await store.transaction(async (tx) => {
      const at = new Date(now())
      const made = await compose(tx, slot, { epoch, actor: ACTOR, at })
      const subject = { type: 'SLOT', id: slot } as const
      const change = { app: made.app, at, actor: ACTOR, mutation: ACTOR, subject, requestId: null }
      await recordChange(tx, {
        ...change,
        before: null,
        after: { publication: made._id, epoch, revision: made.revision },
      })
    })
    progress(index + 1, ids.length)
  }
  return { epoch, slots: ids.length }
}
