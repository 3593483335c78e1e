// Publishing a schedule: from the mutation's input to the nodes. Only this makes or changes the pin of a schedule.

import { optional, parseInput } from '../../common/command/input.ts'
import type { Mutation } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { reviews } from '../audit/repository.ts'
import { creatives } from '../creative/repository.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import { compose } from './composition.ts'
import { checkFormats, checkSegments, choosePins, type PinChoice } from './publish-checks.ts'
import { ensureHead } from './publish-slot.ts'
import { pins, type SchedulePin, shownPin } from './repository.ts'
import { mutateAndSend, requireSchedule, revisionNumber, scheduleInput } from './slot-command.ts'

const publishInput = scheduleInput.extend({ revision: optional(revisionNumber) })

/**
 * Publishes a schedule and returns the id of the slot's new publication.
 *
 * All steps but the last run in one transaction. `mutateAndSend` sends the publication to the nodes after the commit.
 */
export async function publish(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(publishInput, given)
  const { epoch } = services.store
  return mutateAndSend(services, caller, 'publish', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const schedule = await requireSchedule(mutation, input)
    refuseArchived('schedule', schedule, 'be published')
    const slot = await slots.require(tx, schedule.slot)
    const pinBefore = await pins.get(tx, schedule._id)

    const choice = await choosePins(tx, schedule, slot, pinBefore, input.revision)
    checkSegments(choice)
    checkFormats(slot, choice.creatives)
    await guardUses(tx, choice, slot, pinBefore)

    await ensureHead(tx, slot, epoch)
    const pin = await savePin(mutation, schedule, choice)
    const scheduleAfter = await schedules.touch(tx, schedule, shownPin(pin), at)
    const publication = await compose(tx, slot._id, { epoch, actor, at, schedule: schedule._id })

    const subject = { type: 'SCHEDULE', id: schedule._id } as const
    await mutation.log(schedule.app, subject, { ...schedule, pin: pinBefore }, { ...scheduleAfter, pin })
    return publication
  })
}

/**
 * Makes this transaction collide with one that takes away what it relies on. A revocation writes the same review. An
 * archival writes the same thing; it matters only for what is used here for the first time.
 */
async function guardUses(tx: Tx, choice: PinChoice, slot: Slot, pinBefore: SchedulePin | null): Promise<void> {
  const { approvals, newlyUsed } = choice
  await reviews.guard(
    tx,
    approvals.map(({ review }) => review),
  )
  if (!pinBefore) await slots.guard(tx, slot._id)
  await creatives.guard(tx, newlyUsed.creatives)
  await strategies.guard(tx, newlyUsed.strategies)
  await segments.guard(tx, newlyUsed.segments)
}

async function savePin({ tx, actor, at }: Mutation, schedule: Schedule, { entry }: PinChoice): Promise<SchedulePin> {
  const { _id, app, slot } = schedule
  const pin: SchedulePin = { _id, ...entry, app, slot, state: 'LIVE', publishedAt: at, publishedBy: actor }
  await pins.put(tx, pin)
  return pin
}
