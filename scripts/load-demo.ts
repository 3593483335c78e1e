// Makes the demo app through the graph, as an operator, a reviewer and a publisher would. Its app key is kept in the
// data folder, since Alkaid itself keeps only a hash.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Role } from '../common/auth.ts'
import { type DemoSchedule, demoApp, demoCreatives, demoSchedules, demoSlots, demoStrategies } from '../demo/app.ts'
import { type Client, createClient } from './client.ts'

export type Demo = { appKey: string; slots: string[] }

type Clients = Record<'operator' | 'reviewer' | 'publisher' | 'admin', Client>
type Made = { id: string; version: number }

const DAY_MS = 86_400_000

/** Makes the demo app unless it is there, and answers its app key. */
export async function loadDemo(options: {
  url: string
  tokens: Record<Role, string>
  dataDir: string
  now: number
  progress: (line: string) => void
}): Promise<Demo> {
  const { url, tokens, dataDir, now, progress } = options
  const client = (role: Role) => createClient(url, tokens[role])
  const clients: Clients = {
    operator: client('operator'),
    reviewer: client('reviewer'),
    publisher: client('publisher'),
    admin: client('admin'),
  }
  const slots = demoSlots.map(({ code }) => code)
  const file = join(dataDir, 'demo.json')
  const { app } = await clients.admin('query App($id: ID!) { app(id: $id) { version } }', { id: demoApp.code })
  if (app) return { appKey: readKey(file) ?? (await rotateKey(clients.admin, app.version, file)), slots }
  progress('Making the demo app ...')
  const { createApp } = await clients.admin(
    'mutation CreateApp($input: CreateAppInput!) { createApp(input: $input) { key } }',
    { input: demoApp },
  )
  saveKey(file, createApp.key)
  await makeContent(clients, now)
  return { appKey: createApp.key, slots }
}

async function makeContent(clients: Clients, now: number): Promise<void> {
  const { operator, reviewer, publisher } = clients
  const app = demoApp.code
  const creatives = new Map<string, Made>()
  for (const { key, content } of demoCreatives) {
    const { createCreative } = await operator(CREATE_CREATIVE, { input: { app, content } })
    creatives.set(key, createCreative)
  }
  const strategies = new Map<string, Made>()
  for (const { key, ...content } of demoStrategies) {
    const { createStrategy } = await operator(CREATE_STRATEGY, { input: { app, content } })
    strategies.set(key, createStrategy)
  }
  await review(clients, 'CREATIVE', creatives.get('house')!, 'approve')
  const slots = new Map<string, Made>()
  for (const { key, fallback, ...slot } of demoSlots) {
    const ids = fallback.map((name) => creatives.get(name)!.id)
    const { createSlot } = await operator(CREATE_SLOT, { input: { app, ...slot, fallback: ids } })
    slots.set(key, createSlot)
    await publisher(PUBLISH_SLOT, { input: { slot: createSlot.id, expectedVersion: createSlot.version } })
  }
  for (const schedule of demoSchedules) {
    const content = contentOf(schedule, creatives, strategies, now)
    const { createSchedule } = await operator(CREATE_SCHEDULE, {
      input: { app, slot: slots.get(schedule.slot)!.id, content },
    })
    await bringTo(clients, schedule, createSchedule, content)
  }

  async function bringTo({ operator }: Clients, { state }: DemoSchedule, made: Made, content: object): Promise<void> {
    if (state === 'draft') return
    const submitted = await review(
      clients,
      'SCHEDULE',
      made,
      state === 'in review' ? undefined : state === 'rejected' ? 'reject' : 'approve',
    )
    if (!['live', 'revised', 'withdrawn'].includes(state)) return
    await publisher(PUBLISH, { input: { schedule: made.id, expectedVersion: submitted.version } })
    const { schedule } = await operator(SCHEDULE, { id: made.id })
    if (state === 'withdrawn')
      await publisher(WITHDRAW, { input: { schedule: made.id, expectedVersion: schedule.version } })
    if (state === 'revised') {
      const input = { id: made.id, expectedVersion: schedule.version, content: { ...content, priority: 5 } }
      await operator(REVISE_SCHEDULE, { input })
    }
  }

  /** Submits, and has it decided; answers the thing as it is then. */
  async function review(
    _clients: Clients,
    type: 'CREATIVE' | 'SCHEDULE',
    thing: Made,
    decision: 'approve' | 'reject' | undefined,
  ): Promise<Made> {
    const input = { subject: { type, id: thing.id }, expectedVersion: thing.version }
    const { submitForReview } = await operator(SUBMIT, { input })
    if (decision) {
      const comment = decision === 'reject' ? 'A pop-up for everyone is too much' : 'Looks good'
      await reviewer(decision === 'approve' ? APPROVE : REJECT, {
        input: { submission: submitForReview.id, expectedVersion: submitForReview.version, comment },
      })
    }
    if (type === 'CREATIVE') return thing
    return (await operator(SCHEDULE, { id: thing.id })).schedule
  }
}

function contentOf(schedule: DemoSchedule, creatives: Map<string, Made>, strategies: Map<string, Made>, now: number) {
  const at = (days: number | undefined) => (days === undefined ? null : new Date(now + days * DAY_MS).toISOString())
  return {
    name: schedule.name,
    creatives: schedule.creatives.map((key) => ({ creative: creatives.get(key)!.id })),
    strategy: schedule.strategy === undefined ? null : strategies.get(schedule.strategy)!.id,
    priority: schedule.priority ?? 0,
    weight: schedule.weight ?? 1,
    startsAt: at(schedule.startsInDays),
    endsAt: at(schedule.endsInDays),
  }
}

async function rotateKey(admin: Client, version: number, file: string): Promise<string> {
  const { rotateAppKey } = await admin(
    'mutation RotateAppKey($input: RotateAppKeyInput!) { rotateAppKey(input: $input) { key } }',
    { input: { app: demoApp.code, expectedVersion: version } },
  )
  saveKey(file, rotateAppKey.key)
  return rotateAppKey.key
}

function readKey(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { appKey?: string }).appKey
  } catch {
    return undefined // lost or made elsewhere: a new key is made
  }
}

function saveKey(file: string, appKey: string): void {
  writeFileSync(file, `${JSON.stringify({ appKey })}\n`, { mode: 0o600 })
}

const CREATE_CREATIVE =
  'mutation CreateCreative($input: CreateCreativeInput!) { createCreative(input: $input) { id version } }'
const CREATE_STRATEGY =
  'mutation CreateStrategy($input: CreateStrategyInput!) { createStrategy(input: $input) { id version } }'
const CREATE_SLOT = 'mutation CreateSlot($input: CreateSlotInput!) { createSlot(input: $input) { id version } }'
const CREATE_SCHEDULE =
  'mutation CreateSchedule($input: CreateScheduleInput!) { createSchedule(input: $input) { id version } }'
const REVISE_SCHEDULE = 'mutation ReviseSchedule($input: ReviseScheduleInput!) { reviseSchedule(input: $input) { id } }'
const SCHEDULE = 'query Schedule($id: ID!) { schedule(id: $id) { id version } }'
const SUBMIT = 'mutation Submit($input: SubmitForReviewInput!) { submitForReview(input: $input) { id version } }'
const APPROVE = 'mutation Approve($input: DecideInput!) { approve(input: $input) { id } }'
const REJECT = 'mutation Reject($input: DecideInput!) { reject(input: $input) { id } }'
const PUBLISH = 'mutation Publish($input: PublishInput!) { publish(input: $input) { id } }'
const PUBLISH_SLOT = 'mutation PublishSlot($input: PublishSlotInput!) { publishSlot(input: $input) { id } }'
const WITHDRAW = 'mutation Withdraw($input: WithdrawInput!) { withdraw(input: $input) { id } }'
