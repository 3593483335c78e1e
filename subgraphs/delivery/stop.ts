// Stopping a slot, so that it answers nothing, not even its fallback, and restarting it. Its pins stay; what is published
// meanwhile is served once it is restarted.

import { readerOf } from '../../common/access/rights.ts'
import { invalidState } from '../../common/base/errors.ts'
import { parseInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { slots } from '../schedule/repository.ts'
import { mutateSlot } from './command.ts'
import { compose } from './compose.ts'
import { slotHeads } from './repository.ts'
import { ensureHead, refuseUnpublished, slotInput } from './slot.ts'

/** Also where nothing was ever published. Answers the id of the slot's new publication. */
export function stopSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  return setStopped(services, caller, given, true)
}

/**
 * Serves again what is pinned in a stopped slot. Answers the id of the slot's new publication.
 *
 * Like `resume` it makes no pin and guards no review: all that it can serve was pinned before, so a revocation, which
 * looks for pins after its mark, composes this slot too, and both write its head. Whichever commits second has seen the
 * other.
 */
export function restartSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  return setStopped(services, caller, given, false)
}

async function setStopped(services: Services, caller: Caller, given: unknown, stopped: boolean): Promise<string> {
  const input = parseInput(slotInput, given)
  const { epoch } = services.store
  return mutateSlot(services, caller, stopped ? 'stopSlot' : 'restartSlot', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const slot = await slots.requireNamed(tx, input.slot, 'input.slot', readerOf(caller.principal))
    mutation.authorize(slot.app)
    checkVersion('slot', slot, input.expectedVersion)
    const head = await slotHeads.get(tx, slot._id)
    if ((head?.stopped ?? false) === stopped) {
      throw invalidState(`The slot ${JSON.stringify(slot._id)} is ${stopped ? 'stopped already' : 'not stopped'}`)
    }
    refuseUnpublished(slot, head, 'be stopped')
    await ensureHead(tx, slot, epoch)
    await slotHeads.set(tx, slot._id, { stopped })
    const after = await slots.touch(tx, slot)
    const made = await compose(tx, slot._id, { epoch, actor, at })
    const subject = { type: 'SLOT', id: slot._id } as const
    await mutation.log(slot.app, subject, { ...slot, stopped: !stopped }, { ...after, stopped })
    return made
  })
}
