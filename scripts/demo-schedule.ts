// Books one schedule of the demo app, and brings it to its state with the calls of an operator, a reviewer and a publisher.

import { demoApp } from '../demo/app.ts'
import type { DemoSchedule, DemoState } from '../demo/schedules.ts'
import type { Client } from './client.ts'

export type Staff = Record<'operator' | 'reviewer' | 'publisher', Client>

/** Key in `demo/` -> the id of the document that was created for it. */
export type Keys = Record<'creatives' | 'segments' | 'strategies' | 'slots', Map<string, string>>

const app = demoApp.code
const DAY_MS = 86_400_000

/** @param since day 0 of the schedule, in ms since the Unix epoch */
export async function bookSchedule(staff: Staff, keys: Keys, schedule: DemoSchedule, since: number): Promise<void> {
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
export async function submit({ operator }: Staff, type: 'CREATIVE' | 'SCHEDULE', id: string, expectedVersion: number) {
  const input = { subject: { type, id }, expectedVersion, ...once(`submit-${expectedVersion}`, id) }
  const { submitForReview } = await operator(SUBMIT, { input })
  return { submission: submitForReview.id as string, reviewId: submitForReview.reviews[0].id as string }
}

/** Approves everything in a submission. */
export async function approve({ reviewer }: Staff, id: string, submission: string): Promise<void> {
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

export function once(what: string, which: string): { idempotencyKey: string } {
  return { idempotencyKey: `demo:${what}:${which.toLowerCase().replaceAll(' ', '-')}` }
}

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
