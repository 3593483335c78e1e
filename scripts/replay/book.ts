// Books the items of the log through the gateway. An operator creates the app, slots, creatives and schedules. A reviewer approves
// them, and a publisher publishes them.

import type { Role } from '../../common/access/rights.ts'
import { type Client, createClient } from '../shared/client.ts'
import type { Progress } from '../shared/progress.ts'
import type { LogRow } from './read-log.ts'

export type Booked = {
  app: string
  appKey: string
  /** position -> slot id */
  slots: Map<number, string>
  /** item -> creative id */
  creatives: Map<string, string>
  /** `item/position` -> schedule id */
  schedules: Map<string, string>
}

export const POSITIONS = [1, 2, 3] as const

export const slotCode = (position: number) => `front.${position}`

export async function book(options: {
  url: string
  tokens: Record<Role, string>
  app: string
  rows: readonly LogRow[]
  progress: Progress
}): Promise<Booked> {
  const { url, tokens, app, rows, progress } = options
  const operator = createClient(url, tokens.operator)
  const { createApp } = await operator(CREATE_APP, { input: { code: app, name: `Replay ${app}` } })
  const items = [...new Set(rows.map((row) => row.item))].sort((a, b) => Number(a) - Number(b))
  const slots = new Map<number, string>()
  for (const position of POSITIONS) {
    const input = { app, code: slotCode(position), name: `Front page, position ${position}`, capacity: 1 }
    slots.set(position, (await operator(CREATE_SLOT, { input })).createSlot.id)
  }
  const creatives = new Map<string, string>()
  for (const item of items) {
    const content = { name: `Item ${item}`, title: `Item ${item}`, link: `https://shop.example/items/${item}` }
    creatives.set(item, (await operator(CREATE_CREATIVE, { input: { app, content } })).createCreative.id)
  }
  const staff = {
    operator,
    reviewer: createClient(url, tokens.reviewer),
    publisher: createClient(url, tokens.publisher),
  }
  const schedules = new Map<string, string>()
  for (const item of items) {
    for (const position of POSITIONS) {
      const content = { name: `Item ${item} in position ${position}`, creatives: [{ creative: creatives.get(item) }] }
      const id = await bookSchedule(staff, { app, slot: slots.get(position)!, content })
      schedules.set(`${item}/${position}`, id)
      progress('booked, approved and published', schedules.size, items.length * POSITIONS.length)
    }
  }
  return { app, appKey: createApp.key, slots, creatives, schedules }
}

type Staff = Record<'operator' | 'reviewer' | 'publisher', Client>

async function bookSchedule({ operator, reviewer, publisher }: Staff, input: object): Promise<string> {
  const { createSchedule } = await operator(CREATE_SCHEDULE, { input })
  const { id, version } = createSchedule
  const { submitForReview: submission } = await operator(SUBMIT, {
    input: { subject: { type: 'SCHEDULE', id }, expectedVersion: version },
  })
  await reviewer(APPROVE, { input: { submission: submission.id, expectedVersion: submission.version } })
  const { schedule } = await publisher(SCHEDULE, { id })
  await publisher(PUBLISH, { input: { schedule: id, expectedVersion: schedule.version } })
  return id
}

/** Waits until every living node serves the slots in the state of MongoDB. Throws after 30 s. */
export async function untilServed(url: string, token: string, booked: Booked): Promise<void> {
  const viewer = createClient(url, token)
  const until = Date.now() + 30_000
  for (const position of POSITIONS) {
    for (;;) {
      const { publication } = await viewer(PUBLICATION, { app: booked.app, slot: slotCode(position) })
      if (publication.distribution.state === 'IN_STEP') break
      if (Date.now() > until) throw new Error(`No distribution node serves ${slotCode(position)} after 30 s`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const CREATE_APP = 'mutation CreateApp($input: CreateAppInput!) { createApp(input: $input) { key } }'
const CREATE_SLOT = 'mutation CreateSlot($input: CreateSlotInput!) { createSlot(input: $input) { id } }'
const CREATE_CREATIVE = 'mutation CreateCreative($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
const CREATE_SCHEDULE =
  'mutation CreateSchedule($input: CreateScheduleInput!) { createSchedule(input: $input) { id version } }'
const SUBMIT = 'mutation Submit($input: SubmitForReviewInput!) { submitForReview(input: $input) { id version } }'
const APPROVE = 'mutation Approve($input: DecideInput!) { approve(input: $input) { id } }'
const SCHEDULE = 'query Schedule($id: ID!) { schedule(id: $id) { version } }'
const PUBLISH = 'mutation Publish($input: PublishInput!) { publish(input: $input) { id } }'
const PUBLICATION =
  'query Publication($app: ID!, $slot: String!) { publication(app: $app, slot: $slot) { distribution { state } } }'
