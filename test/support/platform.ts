// A whole platform for end-to-end tests: its own folder, free ports, and tokens for every role.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../../common/access/rights.ts'
import { readSettings } from '../../common/service/settings.ts'
import { type Platform, startPlatform } from '../../platform/app.ts'
import { type Answer, type Client, createClient } from '../../scripts/shared/client.ts'
import { tokensOfRoles } from '../../scripts/shared/tokens.ts'

export type TestPlatform = {
  platform: Platform
  tokens: Record<Role, string>
  clients: Record<Role, Client>
  /** Ends the platform and starts another on the same folder. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** @param env settings beside the folder and the ports, as REDIS_URL. */
export async function startTestPlatform(env: Record<string, string> = {}): Promise<TestPlatform> {
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-e2e-'))
  const settings = readSettings({
    NODE_ENV: 'test',
    PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'error',
    ...env,
  })
  const test = {} as TestPlatform
  const start = async () => {
    test.platform = await startPlatform(settings)
    test.tokens = await tokensOfRoles(test.platform.tokens)
    test.clients = clientsOf(test.platform.gatewayUrl, test.tokens)
  }
  test.restart = async () => {
    await test.platform.stop()
    await start()
  }
  test.stop = async () => {
    await test.platform.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true })
    throw error
  }
  return test
}

/** For each role a client of the gateway. */
export function clientsOf(gatewayUrl: string, tokens: Record<Role, string>): Record<Role, Client> {
  const entries = Object.entries(tokens).map(([role, token]) => [role, createClient(`${gatewayUrl}/graphql`, token)])
  return Object.fromEntries(entries) as Record<Role, Client>
}

/** An app with one slot in which one creative is approved and published. */
export async function bookOne(test: Pick<TestPlatform, 'clients'>, app: string) {
  const { operator, reviewer, publisher } = test.clients
  const { createApp } = await operator(CREATE_APP, {
    input: { code: app, name: app, corsOrigins: ['https://shop.example'] },
  })
  const { createSlot: slot } = await operator(CREATE_SLOT, { input: { app, code: 'home.banner', name: 'Banner' } })
  const content = {
    name: 'Sale',
    title: 'Sale',
    text: 'Everything',
    link: 'https://shop.example/sale',
    data: { colour: 'red' },
  }
  const { createCreative: creative } = await operator(CREATE_CREATIVE, { input: { app, content } })
  const booking = { name: 'Sale', creatives: [{ creative: creative.id }] }
  const { createSchedule } = await operator(CREATE_SCHEDULE, { input: { app, slot: slot.id, content: booking } })
  const subject = { type: 'SCHEDULE', id: createSchedule.id }
  const { submitForReview } = await operator(SUBMIT, { input: { subject, expectedVersion: createSchedule.version } })
  await reviewer(APPROVE, { input: { submission: submitForReview.id, expectedVersion: submitForReview.version } })
  const { schedule } = await operator(SCHEDULE, { id: createSchedule.id })
  await publisher(PUBLISH, { input: { schedule: schedule.id, expectedVersion: schedule.version } })
  return {
    app,
    appKey: createApp.key as string,
    slot: slot.id as string,
    creative: creative.id as string,
    schedule: schedule.id as string,
  }
}

/** Asks until the answer is as wanted; throws with the last answer after ten seconds. */
export async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  const until = Date.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (Date.now() > until) throw new Error(`It did not come to be; the last answer: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export type { Answer }

const CREATE_APP = 'mutation CreateApp($input: CreateAppInput!) { createApp(input: $input) { key app { version } } }'
const CREATE_SLOT = 'mutation CreateSlot($input: CreateSlotInput!) { createSlot(input: $input) { id } }'
const CREATE_CREATIVE = 'mutation CreateCreative($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
const CREATE_SCHEDULE =
  'mutation CreateSchedule($input: CreateScheduleInput!) { createSchedule(input: $input) { id version } }'
const SUBMIT = 'mutation Submit($input: SubmitForReviewInput!) { submitForReview(input: $input) { id version } }'
const APPROVE = 'mutation Approve($input: DecideInput!) { approve(input: $input) { id } }'
export const SCHEDULE =
  'query Schedule($id: ID!) { schedule(id: $id) { id version deliveryState review { id version } } }'
const PUBLISH = 'mutation Publish($input: PublishInput!) { publish(input: $input) { id } }'
