// What the demo app is made of, through the graph. All arguments are the same in every run, and so is each call's
// idempotency key: what an earlier run has made is found again.

import {
  type DemoSchedule,
  type DemoState,
  demoApp,
  demoCreatives,
  demoSchedules,
  demoSlots,
  demoStrategies,
} from '../demo/app.ts'
import type { Client } from './client.ts'

export type Staff = Record<'operator' | 'reviewer' | 'publisher', Client>

const app = demoApp.code
const DAY_MS = 86_400_000

/** @param since from when on the days of the demo's schedules count, in ms since the Unix epoch. */
export async function makeDemoContent(staff: Staff, since: number): Promise<void> {
  const { operator, publisher } = staff
  const creatives = new Map<string, string>()
  for (const { key, content } of demoCreatives) {
    const { createCreative } = await operator(CREATE_CREATIVE, { input: { app, content, ...once('creative', key) } })
    creatives.set(key, createCreative.id)
  }
  const strategies = new Map<string, string>()
  for (const { key, ...content } of demoStrategies) {
    const { createStrategy } = await operator(CREATE_STRATEGY, { input: { app, content, ...once('strategy', key) } })
    strategies.set(key, createStrategy.id)
  }
  await review(staff, 'CREATIVE', creatives.get('house')!, 'approve')
  const slots = new Map<string, string>()
  for (const { key, fallback, ...slot } of demoSlots) {
    const ids = fallback.map((name) => creatives.get(name)!)
    const input = { app, ...slot, fallback: ids, ...once('slot', key) }
    const { createSlot } = await operator(CREATE_SLOT, { input })
    slots.set(key, createSlot.id)
    await publisher(PUBLISH_SLOT, { input: { slot: createSlot.id, expectedVersion: 1, ...once('publish', key) } })
  }
  for (const schedule of demoSchedules) {
    const content = contentOf(schedule, creatives, strategies, since)
    const input = { app, slot: slots.get(schedule.slot), content, ...once('schedule', schedule.name) }
    const { createSchedule } = await operator(CREATE_SCHEDULE, { input })
    await bringTo(staff, schedule.state, createSchedule.id, content)
  }
}

/** The schedule's version is 1 when it is made, and rises with submitting, publishing, and what comes after that. */
async function bringTo(staff: Staff, state: DemoState, id: string, content: object): Promise<void> {
  const { operator, publisher } = staff
  if (state === 'draft') return
  await review(staff, 'SCHEDULE', id, state === 'in review' ? undefined : state === 'rejected' ? 'reject' : 'approve')
  if (state !== 'live' && state !== 'revised' && state !== 'withdrawn') return
  await publisher(PUBLISH, { input: { schedule: id, expectedVersion: 2, ...once('publish', id) } })
  if (state === 'withdrawn') {
    await publisher(WITHDRAW, { input: { schedule: id, expectedVersion: 3, ...once('withdraw', id) } })
  }
  if (state === 'revised') {
    const input = { id, expectedVersion: 3, content: { ...content, priority: 5 }, ...once('revise', id) }
    await operator(REVISE_SCHEDULE, { input })
  }
}

async function review(
  { operator, reviewer }: Staff,
  type: 'CREATIVE' | 'SCHEDULE',
  id: string,
  decision: 'approve' | 'reject' | undefined,
): Promise<void> {
  const input = { subject: { type, id }, expectedVersion: 1, ...once('submit', id) }
  const { submitForReview } = await operator(SUBMIT, { input })
  if (!decision) return
  const comment = decision === 'reject' ? 'A pop-up for everyone is too much' : 'Looks good'
  const decided = { submission: submitForReview.id, expectedVersion: 1, comment, ...once(decision, id) }
  await reviewer(decision === 'approve' ? APPROVE : REJECT, { input: decided })
}

function contentOf(
  schedule: DemoSchedule,
  creatives: ReadonlyMap<string, string>,
  strategies: ReadonlyMap<string, string>,
  since: number,
) {
  const at = (days: number | undefined) => (days === undefined ? null : new Date(since + days * DAY_MS).toISOString())
  return {
    name: schedule.name,
    creatives: schedule.creatives.map((key) => ({ creative: creatives.get(key) })),
    strategy: schedule.strategy === undefined ? null : strategies.get(schedule.strategy),
    priority: schedule.priority ?? 0,
    weight: schedule.weight ?? 1,
    startsAt: at(schedule.startsInDays),
    endsAt: at(schedule.endsInDays),
  }
}

function once(what: string, which: string): { idempotencyKey: string } {
  return { idempotencyKey: `demo:${what}:${which.toLowerCase().replaceAll(' ', '-')}` }
}

const CREATE_CREATIVE = 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
const CREATE_STRATEGY = 'mutation ($input: CreateStrategyInput!) { createStrategy(input: $input) { id } }'
const CREATE_SLOT = 'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }'
const CREATE_SCHEDULE = 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }'
const REVISE_SCHEDULE = 'mutation ($input: ReviseScheduleInput!) { reviseSchedule(input: $input) { id } }'
const SUBMIT = 'mutation ($input: SubmitForReviewInput!) { submitForReview(input: $input) { id } }'
const APPROVE = 'mutation ($input: DecideInput!) { approve(input: $input) { id } }'
const REJECT = 'mutation ($input: DecideInput!) { reject(input: $input) { id } }'
const PUBLISH = 'mutation ($input: PublishInput!) { publish(input: $input) { id } }'
const PUBLISH_SLOT = 'mutation ($input: PublishSlotInput!) { publishSlot(input: $input) { id } }'
const WITHDRAW = 'mutation ($input: WithdrawInput!) { withdraw(input: $input) { id } }'
