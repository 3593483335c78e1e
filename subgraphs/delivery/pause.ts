// Taking a published schedule off the nodes and bringing it back: `pause` keeps its pin and `resume` serves exactly what
// that names; `withdraw` drops the pin, and then only `publish` brings the schedule back.

import { z } from 'zod'
import { invalidState } from '../../common/base/errors.ts'
import { expectedVersion, idempotencyKey, parseInput, reference } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { type Schedule, schedules } from '../schedule/repository.ts'
import { mutateSlot } from './command.ts'
import { compose } from './compose.ts'
import { buildEntry } from './entries.ts'
import { pins, type SchedulePin, shownPin } from './repository.ts'
import { readServable, unservable } from './servable.ts'

/** The input of every mutation of delivery on a schedule. */
export const scheduleInput = z.object({ schedule: reference, expectedVersion, idempotencyKey })

type Change = {
  action: 'pause' | 'resume' | 'withdraw'
  /** What becomes of the pin, null: it goes. Throws INVALID_STATE where that cannot be. */
  change(tx: Tx, pin: SchedulePin | null, head: Schedule): Promise<SchedulePin | null>
}

/** Takes a live schedule off the nodes and keeps its pin. Answers the id of the slot's new publication. */
export function pause(services: Services, caller: Caller, given: unknown): Promise<string> {
  return changePin(services, caller, given, {
    action: 'pause',
    async change(_, pin, head) {
      if (pin?.state !== 'LIVE') throw wrongState(head, 'only what is LIVE can be paused')
      return { ...pin, state: 'PAUSED' }
    },
  })
}

/**
 * Serves a paused schedule again, at the revisions that are pinned and no newer ones. Answers the id of the slot's new
 * publication.
 *
 * It makes no pin, and so guards no review; what keeps it safe from a revocation is that its pin is older than it is. A
 * revocation marks the review first, and only then looks for the pins, paused ones too: it finds this one and composes
 * the slot. A resume that began before the mark still sees the approval, but both write the slot's head: if it commits
 * first, the revocation composes after it, without the revision; if the revocation does, the resume is run again and
 * sees the mark. Were the head not written, both could commit and a revoked creative stay (write skew).
 */
export function resume(services: Services, caller: Caller, given: unknown): Promise<string> {
  return changePin(services, caller, given, {
    action: 'resume',
    async change(tx, pin, head) {
      if (pin?.state !== 'PAUSED') throw wrongState(head, 'only what is PAUSED can be resumed')
      await refuseUnservable(tx, pin)
      return { ...pin, state: 'LIVE' }
    },
  })
}

/** Takes a schedule off the nodes and drops its pin. Answers the id of the slot's new publication. */
export function withdraw(services: Services, caller: Caller, given: unknown): Promise<string> {
  return changePin(services, caller, given, {
    action: 'withdraw',
    async change(_, pin, head) {
      if (!pin) throw wrongState(head, 'only what is LIVE or PAUSED can be withdrawn')
      return null
    },
  })
}

async function changePin(services: Services, caller: Caller, given: unknown, command: Change): Promise<string> {
  const input = parseInput(scheduleInput, given)
  const { epoch } = services.store
  return mutateSlot(services, caller, command.action, input, async (mutation) => {
    const { tx, actor, at } = mutation
    const head = await schedules.require(tx, input.schedule)
    mutation.authorize(head.app)
    checkVersion('schedule', head, input.expectedVersion)
    const before = await pins.get(tx, head._id)
    const pin = await command.change(tx, before, head)
    if (pin) await pins.put(tx, pin)
    else await pins.remove(tx, head._id)
    const after = await schedules.touch(tx, head, shownPin(pin), at)
    const made = await compose(tx, head.slot, { epoch, actor, at, schedule: head._id })
    const subject = { type: 'SCHEDULE', id: head._id } as const
    await mutation.log(head.app, subject, { ...head, pin: before }, { ...after, pin })
    return made
  })
}

function wrongState({ _id, deliveryState }: Schedule, expected: string) {
  return invalidState(`The delivery state of the schedule ${JSON.stringify(_id)} is ${deliveryState}: ${expected}`)
}

/** A schedule of which nothing may be served would be live and yet nowhere. */
async function refuseUnservable(tx: Tx, pin: SchedulePin): Promise<void> {
  const servable = await readServable(tx, [pin], [])
  if (buildEntry(servable, pin)) return
  const lacking = unservable(servable, pin)
  throw invalidState(
    `What is pinned of the schedule ${JSON.stringify(pin._id)} may not be served any more: ` +
      `${lacking.map(({ called }) => called).join(', ')} has no approval now. ` +
      'Have another revision reviewed and `publish` the schedule',
    { unapproved: lacking.map(({ id }) => id) },
  )
}
