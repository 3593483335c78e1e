// Publishing a schedule, which alone makes and changes its pin.

import { parseInput } from '../../common/input.ts'
import type { Caller, Services } from '../../common/services.ts'
import { checkVersion, refuseArchived } from '../../common/store/revisioned.ts'
import { reviews } from '../audit/repository.ts'
import { schedules, slots } from '../schedule/repository.ts'
import { choosePins } from './choose.ts'
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
    // What is in it already may change and come back: only new bookings stay out of an archived slot.
    if (!before) refuseArchived('slot', slot, 'take a schedule that is not in it')
    const choice = await choosePins(tx, head)
    refuseUninlined(choice)
    refuseMisfits(slot, choice.creatives)
    await reviews.guard(
      tx,
      choice.approvals.map(({ review }) => review),
    )
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
