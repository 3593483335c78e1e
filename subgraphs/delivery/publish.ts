// Publishing a schedule, which alone makes and changes its pin: the newest approved, not revoked revision of the
// schedule and of all that this revision uses.

import { parseInput } from '../../common/input.ts'
import type { Pin } from '../../common/publication/types.ts'
import type { Caller, Services } from '../../common/services.ts'
import { checkVersion, type Revision, refuseArchived } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { segmentsIn } from '../../common/targeting/segments.ts'
import { type Approved, reviews } from '../audit/repository.ts'
import { type Schedule, type ScheduleContent, schedules, slots } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import { newestApproved, refuseUnapproved, wanted } from './approved.ts'
import { mutateSlot } from './command.ts'
import { compose } from './compose.ts'
import { scheduleInput } from './pause.ts'
import { type PinnedEntry, pins, type SchedulePin } from './repository.ts'
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
    const before = await pins.get(tx, head._id)
    const slot = await slots.require(tx, head.slot)
    refuseArchived('schedule', head, 'be published')
    // What is in it already may change and come back: only new bookings stay out of an archived slot.
    if (!before) refuseArchived('slot', slot, 'take a schedule that is not in it')
    const { entry, approvals } = await choosePins(tx, head)
    await reviews.guard(
      tx,
      approvals.map(({ review }) => review),
    )
    await ensureHead(tx, slot, epoch)
    const published = { app: head.app, slot: head.slot, state: 'LIVE', publishedAt: at, publishedBy: actor } as const
    const pin: SchedulePin = { _id: head._id, ...entry, ...published }
    await pins.put(tx, pin)
    const after = await schedules.touch(tx, head, { deliveryState: 'LIVE' }, at)
    const made = await compose(tx, head.slot, { epoch, actor, at })
    const subject = { type: 'SCHEDULE', id: head._id } as const
    await mutation.log(head.app, subject, { ...head, pin: before }, { ...after, pin })
    return made
  })
}

/** What to pin of a schedule, and the approvals that it rests on. INVALID_STATE names everything that lacks one. */
async function choosePins(tx: Tx, head: Schedule): Promise<{ entry: PinnedEntry; approvals: Approved[] }> {
  const schedule = (await newestApproved(tx, [head._id])).get(head._id)
  // Without an approved revision, what the newest one uses is named as well: all of it has to be reviewed.
  const content: ScheduleContent = schedule ? await contentOf(tx, schedules, schedule) : head.content
  const strategies = content.strategy === null ? [] : [content.strategy]
  const used = [
    ...content.creatives.map(({ creative }) => wanted('creative', creative)),
    ...strategies.map((id) => wanted('strategy', id)),
  ]
  const approved = await newestApproved(
    tx,
    used.map(({ id }) => id),
  )
  if (schedule) approved.set(head._id, schedule)
  refuseUnapproved([wanted('schedule', head._id), ...used], approved)
  const pin = (id: string): Pin => ({ id, revision: approved.get(id)!.revision })
  const segments = content.strategy === null ? [] : await chooseSegments(tx, pin(content.strategy), approved)
  const entry = {
    schedule: pin(head._id),
    creatives: content.creatives.map(({ creative, weight }) => ({ ...pin(creative), weight })),
    strategy: content.strategy === null ? null : pin(content.strategy),
    segments,
  }
  return { entry, approvals: [...approved.values()] }
}

/**
 * The segments that an approved strategy names, and those that they name, each at its newest approved revision; their
 * approvals are added to `approved`. INVALID_STATE names those that lack one.
 */
async function chooseSegments(tx: Tx, strategy: Pin, approved: Map<string, Approved>): Promise<Pin[]> {
  const chosen = new Map<string, Pin>()
  let next = segmentsIn((await contentOf(tx, strategies, strategy)).constraint)
  while (next.length > 0) {
    const found = await newestApproved(tx, next)
    refuseUnapproved(
      next.map((id) => wanted('segment', id)),
      found,
    )
    const named: string[] = []
    for (const [id, approval] of found) {
      approved.set(id, approval)
      chosen.set(id, { id, revision: approval.revision })
      named.push(...segmentsIn((await contentOf(tx, segments, approval)).constraint))
    }
    next = [...new Set(named)].filter((id) => !chosen.has(id))
  }
  return [...chosen.values()]
}

async function contentOf<C>(
  tx: Tx,
  repository: { atPins(tx: Tx, pins: readonly Pin[]): Promise<(Revision<C> | null)[]> },
  pin: Pin,
): Promise<C> {
  const [revision] = await repository.atPins(tx, [pin])
  if (!revision) throw new Error(`There is no revision ${pin.revision} of ${pin.id}, but it was approved`)
  return revision.content
}
