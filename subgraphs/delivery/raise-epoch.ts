// After a database was restored from a backup, the channel and the nodes hold higher documents than it has. A new epoch
// makes everything that it publishes from now on higher than those; each slot is composed anew in it, from its pins.

import { recordChange } from '../../common/store/changes.ts'
import { raiseEpoch } from '../../common/store/meta.ts'
import type { Store } from '../../common/store/store.ts'
import { compose } from './composition.ts'
import { slotHeads } from './repository.ts'

const ACTOR = 'raise-epoch'

/** Answers the new epoch (Unix seconds) and how many slots were composed. May be run again after it was cut off. */
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
