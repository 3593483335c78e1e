// Taking content off the nodes, and bringing it back.
// - `pause` keeps the pin of a schedule, and `resume` serves exactly these revisions again.
// - `withdraw` drops the pin. After that only `publish` brings the schedule back.
// - `stopSlot` makes a slot answer nothing, not even its fallback. Its pins stay, and `restartSlot` serves them again.

import { invalidState } from '../../common/base/errors.ts'
import { parseInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import type { Tx } from '../../common/store/collection.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import { type Schedule, schedules, slots } from '../schedule/repository.ts'
import { buildEntry, type ContentsByPin, compose, readApprovedContents } from './composition.ts'
import type { Labelled } from './publish-checks.ts'
import { ensureHead, refuseUnpublished } from './publish-slot.ts'
import { type PinnedEntry, pins, type SchedulePin, shownPin, slotHeads } from './repository.ts'
import { mutateAndSend, requireSchedule, requireSlot, scheduleInput, slotInput } from './slot-command.ts'

type PinChange = {
  action: 'pause' | 'resume' | 'withdraw'
  /** The pin after the command; null drops it. Throws INVALID_STATE when the schedule is not in the right state. */
  change(tx: Tx, pin: SchedulePin | null, schedule: Schedule): Promise<SchedulePin | null>
}

/** Takes a live schedule off the nodes and keeps its pin. Returns the id of the slot's new publication. */
export function pause(services: Services, caller: Caller, given: unknown): Promise<string> {
  return changePin(services, caller, given, {
    action: 'pause',
    async change(_, pin, schedule) {
      if (pin?.state !== 'LIVE') throw wrongState(schedule, 'only what is LIVE can be paused')
      return { ...pin, state: 'PAUSED' }
    },
  })
}

/**
 * Serves a paused schedule again, at its pinned revisions. Returns the id of the slot's new publication.
 *
 * `resume` makes no pin, so it guards no review. It is safe from a revocation that runs at the same time: the revocation
 * marks the review first, then finds all pins, paused ones too, and composes this slot. Both write the slot's head:
 * - when `resume` commits first, the revocation composes after it, without the revoked revision;
 * - when the revocation commits first, `resume` runs again and sees the mark.
 *
 * If `resume` did not write the head, both could commit and the revoked content would stay (write skew).
 */
export function resume(services: Services, caller: Caller, given: unknown): Promise<string> {
  return changePin(services, caller, given, {
    action: 'resume',
    async change(tx, pin, schedule) {
      if (pin?.state !== 'PAUSED') throw wrongState(schedule, 'only what is PAUSED can be resumed')
      await refuseNothingToServe(tx, pin)
      return { ...pin, state: 'LIVE' }
    },
  })
}

/** Takes a schedule off the nodes and drops its pin. Returns the id of the slot's new publication. */
export function withdraw(services: Services, caller: Caller, given: unknown): Promise<string> {
  return changePin(services, caller, given, {
    action: 'withdraw',
    async change(_, pin, schedule) {
      if (!pin) throw wrongState(schedule, 'only what is LIVE or PAUSED can be withdrawn')
      return null
    },
  })
}

async function changePin(services: Services, caller: Caller, given: unknown, command: PinChange): Promise<string> {
  const input = parseInput(scheduleInput, given)
  const { epoch } = services.store
  return mutateAndSend(services, caller, command.action, input, async (mutation) => {
    const { tx, actor, at } = mutation
    const schedule = await requireSchedule(mutation, input)
    const pinBefore = await pins.get(tx, schedule._id)
    const pin = await command.change(tx, pinBefore, schedule)
    if (pin) await pins.put(tx, pin)
    else await pins.remove(tx, schedule._id)
    const scheduleAfter = await schedules.touch(tx, schedule, shownPin(pin), at)
    const publication = await compose(tx, schedule.slot, { epoch, actor, at, schedule: schedule._id })
    const subject = { type: 'SCHEDULE', id: schedule._id } as const
    await mutation.log(schedule.app, subject, { ...schedule, pin: pinBefore }, { ...scheduleAfter, pin })
    return publication
  })
}

function wrongState({ _id, deliveryState }: Schedule, expected: string) {
  return invalidState(`The delivery state of the schedule ${JSON.stringify(_id)} is ${deliveryState}: ${expected}`)
}

/** Without this, a schedule could be LIVE while no node serves anything of it. */
async function refuseNothingToServe(tx: Tx, pin: SchedulePin): Promise<void> {
  const contents = await readApprovedContents(tx, [pin], [])
  if (buildEntry(contents, pin)) return
  const unapproved = unapprovedPins(contents, pin)
  throw invalidState(
    `Cannot resume the schedule ${JSON.stringify(pin._id)}: ` +
      `${unapproved.map(({ label }) => label).join(', ')} is not approved any more. ` +
      'Submit another revision for review, then `publish` the schedule',
    { unapproved: unapproved.map(({ id }) => id) },
  )
}

/** Every pin of an entry that is not approved now. Example of a label: `revision 2 of the creative "cre_1"`. */
function unapprovedPins(contents: ContentsByPin, entry: PinnedEntry): Labelled[] {
  const missing = (kind: string, approved: ReadonlyMap<string, unknown>, pinned: readonly Pin[]): Labelled[] =>
    pinned
      .filter((pin) => !approved.has(pinText(pin)))
      .map(({ id, revision }) => ({ id, label: `revision ${revision} of the ${kind} ${JSON.stringify(id)}` }))
  return [
    ...missing('schedule', contents.schedules, [entry.schedule]),
    ...missing('creative', contents.creatives, entry.creatives),
    ...missing('strategy', contents.strategies, entry.strategy ? [entry.strategy] : []),
    ...missing('segment', contents.segments, entry.segments),
  ]
}

/** Makes a slot answer nothing. It works also before the first publish. Returns the id of the slot's new publication. */
export function stopSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  return setStopped(services, caller, given, true)
}

/**
 * Serves again what is pinned in a stopped slot. Returns the id of the slot's new publication.
 *
 * Like `resume` it makes no pin and guards no review. It is safe from revocations for the same reason: a revocation
 * composes this slot too, both write its head, and the one that commits second sees the other.
 */
export function restartSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  return setStopped(services, caller, given, false)
}

async function setStopped(services: Services, caller: Caller, given: unknown, stopped: boolean): Promise<string> {
  const input = parseInput(slotInput, given)
  const { epoch } = services.store
  return mutateAndSend(services, caller, stopped ? 'stopSlot' : 'restartSlot', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const slot = await requireSlot(mutation, caller, input)
    const head = await slotHeads.get(tx, slot._id)
    if ((head?.stopped ?? false) === stopped) {
      throw invalidState(`The slot ${JSON.stringify(slot._id)} is ${stopped ? 'stopped already' : 'not stopped'}`)
    }
    refuseUnpublished(slot, head, 'be stopped')
    await ensureHead(tx, slot, epoch)
    await slotHeads.set(tx, slot._id, { stopped })
    const slotAfter = await slots.touch(tx, slot)
    const publication = await compose(tx, slot._id, { epoch, actor, at })
    const subject = { type: 'SLOT', id: slot._id } as const
    await mutation.log(slot.app, subject, { ...slot, stopped: !stopped }, { ...slotAfter, stopped })
    return publication
  })
}
