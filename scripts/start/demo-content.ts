// Creates the content of the demo app through GraphQL. Arguments and idempotency keys are the same in every run. So a run finds
// everything that an earlier run created, and creates only the rest. Each schedule is brought to its state with the calls of an operator, a
// reviewer and a publisher.

import { type DemoConstraint, demoApp, demoSegments, demoSlots, demoStrategies } from '../../demo/app.ts'
import { demoCreatives } from '../../demo/creatives.ts'
import { type DemoSchedule, type DemoState, demoSchedules } from '../../demo/schedules.ts'
import type { Client } from '../shared/client.ts'

type Staff = Record<'operator' | 'reviewer' | 'publisher', Client>

/** Key in `demo/` -> the id of the document that was created for it. */
type Keys = Record<'creatives' | 'segments' | 'strategies' | 'slots', Map<string, string>>

const app = demoApp.code
const DAY_MS = 86_400_000

/**
 * @param since day 0 of the demo's schedules, in ms since the Unix epoch
 * @param progress called after each schedule
 */
export async function makeDemoContent(
  staff: Staff,
  since: number,
  progress: (done: number, total: number) => void,
): Promise<void> {
  const { operator, publisher } = staff
  const keys: Keys = { creatives: new Map(), segments: new Map(), strategies: new Map(), slots: new Map() }
  // Creatives do not depend on each other, so they are created at once. The store then writes several in one commit.
  await Promise.all(
    demoCreatives.map(async ({ key, content }) => {
      const { createCreative } = await operator(CREATE_CREATIVE, { input: { app, content, ...once('creative', key) } })
      keys.creatives.set(key, createCreative.id)
    }),
  )
  for (const { key, ...content } of demoSegments) {
    const { createSegment } = await operator(CREATE_SEGMENT, { input: { app, content, ...once('segment', key) } })
    keys.segments.set(key, createSegment.id)
  }
  for (const { key, constraint, ...content } of demoStrategies) {
    const whole = { ...content, constraint: constraint && withIds(constraint, keys.segments) }
    const input = { app, content: whole, ...once('strategy', key) }
    const { createStrategy } = await operator(CREATE_STRATEGY, { input })
    keys.strategies.set(key, createStrategy.id)
  }
  for (const key of new Set(demoSlots.flatMap(({ fallback }) => fallback))) {
    const id = keys.creatives.get(key)!
    await approve(staff, id, (await submit(staff, 'CREATIVE', id, 1)).submission)
  }
  await Promise.all(
    demoSlots.map(async ({ key, archived, fallback, ...slot }) => {
      const input = { app, ...slot, fallback: fallback.map((name) => keys.creatives.get(name)), ...once('slot', key) }
      const { id } = (await operator(CREATE_SLOT, { input })).createSlot
      keys.slots.set(key, id)
      if (archived) await operator(ARCHIVE_SLOT, { input: { id, expectedVersion: 1, ...once('archive', key) } })
      else await publisher(PUBLISH_SLOT, { input: { slot: id, expectedVersion: 1, ...once('publish', key) } })
    }),
  )
  for (const [index, schedule] of demoSchedules.entries()) {
    await bookSchedule(staff, keys, schedule, since)
    progress(index + 1, demoSchedules.length)
  }
}

/** Replaces the keys of segments in a constraint by their ids. */
function withIds(constraint: DemoConstraint, ids: ReadonlyMap<string, string>): DemoConstraint {
  const parts = Object.entries(constraint).map(([name, part]) => {
    if (name === 'segment') return [name, ids.get(part as string)]
    if (name === 'not') return [name, withIds(part as DemoConstraint, ids)]
    if (name !== 'all' && name !== 'any') return [name, part]
    return [name, (part as DemoConstraint[]).map((one) => withIds(one, ids))]
  })
  return Object.fromEntries(parts)
}

/** @param since day 0 of the schedule, in ms since the Unix epoch */
async function bookSchedule(staff: Staff, keys: Keys, schedule: DemoSchedule, since: number): Promise<void> {
  const content = contentOf(schedule, keys, since)
  const input = { app, slot: keys.slots.get(schedule.slot), content, ...once('schedule', schedule.name) }
  const { createSchedule } = await staff.operator(CREATE_SCHEDULE, { input })
  await bringTo(staff, schedule.state, createSchedule.id, content)
}

/**
 * The version of a new schedule is 1. Each mutation of the schedule adds 1: after submitting it is 2, after publishing it is 3.
 * An approval does not change it.
 */
async function bringTo(staff: Staff, state: DemoState, id: string, content: object): Promise<void> {
  const { operator, reviewer, publisher } = staff
  const at = (expectedVersion: number, what: string) => ({ expectedVersion, ...once(what, id) })
  if (state === 'draft') return
  if (state === 'archived') return void (await operator(ARCHIVE, { input: { id, ...at(1, 'archive') } }))
  const { submission, reviewId } = await submit(staff, 'SCHEDULE', id, 1)
  if (state === 'in review') return
  if (state === 'recalled') return void (await operator(RECALL, { input: { submission, ...at(1, 'recall') } }))
  if (state === 'rejected') {
    // Rejects only the review of the schedule. Other schedules use the other things in the submission.
    const comment = 'Too much of the same: wait for next month'
    return void (await reviewer(REJECT, { input: { review: reviewId, comment, ...at(1, 'reject') } }))
  }
  await approve(staff, id, submission)
  if (state === 'approved') return
  await publisher(PUBLISH, { input: { schedule: id, ...at(2, 'publish') } })
  if (state === 'paused') await publisher(PAUSE, { input: { schedule: id, ...at(3, 'pause') } })
  if (state === 'withdrawn') await publisher(WITHDRAW, { input: { schedule: id, ...at(3, 'withdraw') } })
  if (state === 'revoked') {
    const reason = 'The shelves are empty already'
    await reviewer(REVOKE, { input: { review: reviewId, reason, ...at(2, 'revoke') } })
  }
  if (state !== 'revised' && state !== 'in review again') return
  await operator(REVISE, { input: { id, content: { ...content, priority: 5 }, ...at(3, 'revise') } })
  if (state === 'in review again') await submit(staff, 'SCHEDULE', id, 4)
}

/** Returns the submission, and its first review, which is the review of the submitted thing. */
async function submit({ operator }: Staff, type: 'CREATIVE' | 'SCHEDULE', id: string, expectedVersion: number) {
  const input = { subject: { type, id }, expectedVersion, ...once(`submit-${expectedVersion}`, id) }
  const { submitForReview } = await operator(SUBMIT, { input })
  return { submission: submitForReview.id as string, reviewId: submitForReview.reviews[0].id as string }
}

/** Approves everything in a submission. */
async function approve({ reviewer }: Staff, id: string, submission: string): Promise<void> {
  await reviewer(APPROVE, { input: { submission, comment: 'Looks good', expectedVersion: 1, ...once('approve', id) } })
}

function contentOf(schedule: DemoSchedule, { creatives, strategies }: Keys, since: number) {
  const at = (days: number | undefined) => (days === undefined ? null : new Date(since + days * DAY_MS).toISOString())
  return {
    name: schedule.name,
    creatives: schedule.creatives.map((key) => ({ creative: creatives.get(key) })),
    strategy: schedule.strategy === undefined ? null : strategies.get(schedule.strategy),
    priority: schedule.priority ?? 0,
    weight: schedule.weight ?? 1,
    startsAt: at(schedule.startsInDays),
    endsAt: at(schedule.endsInDays),
    dayParts: schedule.dayParts ?? [],
    recurrence: schedule.recurrence ?? null,
    exclusive: schedule.exclusive ?? false,
  }
}

function once(what: string, which: string): { idempotencyKey: string } {
  return { idempotencyKey: `demo:${what}:${which.toLowerCase().replaceAll(' ', '-')}` }
}

const CREATE_CREATIVE = 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
const CREATE_SEGMENT = 'mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { id } }'
const CREATE_STRATEGY = 'mutation ($input: CreateStrategyInput!) { createStrategy(input: $input) { id } }'
const CREATE_SLOT = 'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }'
const ARCHIVE_SLOT = 'mutation ($input: ArchiveInput!) { archiveSlot(input: $input) { id } }'
const PUBLISH_SLOT = 'mutation ($input: PublishSlotInput!) { publishSlot(input: $input) { id } }'
const CREATE_SCHEDULE = 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }'
const REVISE = 'mutation ($input: ReviseScheduleInput!) { reviseSchedule(input: $input) { id } }'
const ARCHIVE = 'mutation ($input: ArchiveInput!) { archiveSchedule(input: $input) { id } }'
const SUBMIT = 'mutation ($input: SubmitForReviewInput!) { submitForReview(input: $input) { id reviews { id } } }'
const RECALL = 'mutation ($input: RecallSubmissionInput!) { recallSubmission(input: $input) { id } }'
const APPROVE = 'mutation ($input: DecideInput!) { approve(input: $input) { id } }'
const REJECT = 'mutation ($input: DecideInput!) { reject(input: $input) { id } }'
const PUBLISH = 'mutation ($input: PublishInput!) { publish(input: $input) { id } }'
const PAUSE = 'mutation ($input: PauseInput!) { pause(input: $input) { id } }'
const WITHDRAW = 'mutation ($input: WithdrawInput!) { withdraw(input: $input) { id } }'
const REVOKE = 'mutation ($input: RevokeApprovalInput!) { revokeApproval(input: $input) { review { id } } }'
