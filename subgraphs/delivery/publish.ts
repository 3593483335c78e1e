// Publishing a schedule, which alone makes and changes its pin.

import { parseInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { reviews } from '../audit/repository.ts'
import { creatives } from '../creative/repository.ts'
import { type Slot, schedules, slots } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import { type Choice, choosePins } from './choose.ts'
import { mutateSlot } from './command.ts'
import { compose } from './compose.ts'
import { refuseMisfits, refuseUninlined } from './fitting.ts'
import { scheduleInput } from './pause.ts'
import { pins, type SchedulePin, shownPin } from './repository.ts'
import { ensureHead } from './slot.ts'

/** Answers the id of the slot's new publication, which is on its way to the nodes. */
export async function publish(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(scheduleInput, given)
  const { epoch } = services.store
  return mutateSlot(services, caller, 'publish', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const head = await schedules.require(tx, input.schedule)
    mutation.authorize(head.app)
    checkVersion('schedule', head, input.expectedVersion)
    refuseArchived('schedule', head, 'be published')
    const before = await pins.get(tx, head._id)
    const slot = await slots.require(tx, head.slot)
    const choice = await choosePins(tx, head, slot, before)
    refuseUninlined(choice)
    refuseMisfits(slot, choice.creatives)
    await guard(tx, choice, slot, before)
    await ensureHead(tx, slot, epoch)
    const published = { app: head.app, slot: head.slot, state: 'LIVE', publishedAt: at, publishedBy: actor } as const
    const pin: SchedulePin = { _id: head._id, ...choice.entry, ...published }
    await pins.put(tx, pin)
    const after = await schedules.touch(tx, head, shownPin(pin), at)
    const made = await compose(tx, head.slot, { epoch, actor, at, schedule: head._id })
    const subject = { type: 'SCHEDULE', id: head._id } as const
    await mutation.log(head.app, subject, { ...head, pin: before }, { ...after, pin })
    return made
  })
}

/**
 * Makes this collide with whatever takes back what it relies on: with revoking an approval, on its review; and with archiving
 * what is used for the first time, on the thing itself.
 */
async function guard(tx: Tx, { approvals, anew }: Choice, slot: Slot, before: SchedulePin | null): Promise<void> {
  await reviews.guard(
    tx,
    approvals.map(({ review }) => review),
  )
  if (!before) await slots.guard(tx, slot._id)
  await creatives.guard(tx, anew.creatives)
  await strategies.guard(tx, anew.strategies)
  await segments.guard(tx, anew.segments)
}
