// Creates the demo app through GraphQL, with the calls of an operator, a reviewer and a publisher. Each call has an idempotency key. So
// the next start continues where an interrupted start stopped. The data folder keeps the app key, because Alkaid stores only its hash.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Role } from '../../common/access/rights.ts'
import { writeWhole } from '../../common/service/write-whole.ts'
import { demoApp, demoSlots } from '../../demo/app.ts'
import { type Demo, demoFile } from '../../gateway/demo-requests.ts'
import { type Client, createClient, GraphQLFailure, post } from '../shared/client.ts'
import { operationIds } from '../shared/operation-ids.ts'
import { makeDemoContent } from './demo-content.ts'

export type { Demo }

type Kept = { appKey: string; complete: boolean }

/** The example query of the welcome asks for this many slots, so that its answer stays short. */
const SHOWN_SLOTS = 3
const SHOWN_WITHIN_MS = 3_000
const REACHES_NODES_MS = 3_000

export async function loadDemo(options: {
  urls: { gateway: string; distribution: string }
  tokens: Record<Role, string>
  dataDir: string
  signal: AbortSignal
  progress: (line: string) => void
}): Promise<Demo> {
  const { urls, tokens, dataDir, signal, progress } = options
  const file = demoFile(dataDir)
  const client = (role: Role): Client => {
    const send = createClient(urls.gateway, tokens[role])
    return (query, variables) => {
      signal.throwIfAborted()
      return send(query, variables)
    }
  }
  const admin = client('admin')
  const { app } = await admin(APP, { id: demoApp.code })
  let kept = readKept(file)
  if (!app) {
    progress('Creating the demo app ...')
    const { createApp } = await client('operator')(CREATE_APP, { input: demoApp })
    kept = keep(file, { appKey: createApp.key, complete: false })
    await isValid(urls.distribution, kept.appKey, REACHES_NODES_MS)
  } else if (!kept || !(await isValid(urls.distribution, kept.appKey, 0))) {
    const input = { app: demoApp.code, expectedVersion: app.version, graceHours: 1 }
    const { rotateAppKey } = await admin(ROTATE_APP_KEY, { input })
    // Without the file, nobody knows whether the app is complete. It stays unchanged.
    kept = keep(file, { appKey: rotateAppKey.key, complete: kept?.complete ?? true })
    await isValid(urls.distribution, kept.appKey, REACHES_NODES_MS)
  }
  if (!kept.complete) {
    if (app) progress('Completing the demo app ...')
    const { createdAt } = (await admin(APP, { id: demoApp.code })).app
    const staff = { operator: client('operator'), reviewer: client('reviewer'), publisher: client('publisher') }
    await makeDemoContent(staff, Date.parse(createdAt), (done, total) => {
      if (done % 10 === 0) progress(`  ${done} of ${total} schedules`)
    })
    kept = keep(file, { ...kept, complete: true })
  }
  const demo = { appKey: kept.appKey, urls, ...(await bodies(urls.distribution, kept.appKey)) }
  try {
    keep(file, { ...kept, ...demo })
  } catch {
    // For example, the disk is full. The page at `/` then shows the old example.
  }
  return demo
}

/** The bodies of two example requests. `event` is missing when the demo shows no creative at the moment. */
async function bodies(url: string, appKey: string): Promise<Pick<Demo, 'ask' | 'event'>> {
  const { Decisions, RecordEvents } = operationIds()
  const variables = {
    app: demoApp.code,
    slots: demoSlots.slice(0, SHOWN_SLOTS).map(({ code }) => code),
    context: { userId: 'user-1', tags: ['member'] },
  }
  const ask = { variables, extensions: { persistedQuery: { version: 1, sha256Hash: Decisions } } }
  const token = await firstEventToken(url, appKey, ask)
  if (!token) return { ask }
  const events = [{ id: `try-${randomUUID()}`, type: 'IMPRESSION', token }]
  const input = { app: demoApp.code, events }
  return {
    ask,
    event: { variables: { input }, extensions: { persistedQuery: { version: 1, sha256Hash: RecordEvents } } },
  }
}

/** The demo may be just published. So this function asks the node until it shows a creative, for at most three seconds. */
async function firstEventToken(url: string, appKey: string, ask: object): Promise<string | undefined> {
  const until = Date.now() + SHOWN_WITHIN_MS
  for (;;) {
    const { decisions } = await post(url, { 'x-app-key': appKey }, ask)
    const shown = (decisions as { creatives: { eventToken: string }[] }[]).flatMap(({ creatives }) => creatives)
    if (shown[0] || Date.now() > until) return shown[0]?.eventToken
    await sleep(20)
  }
}

/** Whether the node accepts the key. A new key needs a moment to reach the node. An old key may be rotated or expired. */
async function isValid(url: string, appKey: string, withinMs: number): Promise<boolean> {
  const variables = { app: demoApp.code, slots: [demoSlots[0]!.code] }
  const body = { variables, extensions: { persistedQuery: { version: 1, sha256Hash: operationIds().Decisions } } }
  const until = Date.now() + withinMs
  for (;;) {
    try {
      await post(url, { 'x-app-key': appKey }, body)
      return true
    } catch (error) {
      if (!(error instanceof GraphQLFailure) || error.code !== 'UNAUTHENTICATED') throw error
      if (Date.now() >= until) return false
      await sleep(20)
    }
  }
}

/** Undefined when there is no such file, for example because the app was created elsewhere. Then the app gets a new key. */
function readKept(file: string): Kept | undefined {
  try {
    const { appKey, complete } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Kept>
    return typeof appKey === 'string' ? { appKey, complete: complete === true } : undefined
  } catch {
    return undefined
  }
}

function keep(file: string, kept: Kept): Kept {
  writeWhole(file, `${JSON.stringify(kept)}\n`)
  return kept
}

const APP = 'query App($id: ID!) { app(id: $id) { version createdAt } }'
const CREATE_APP = 'mutation CreateApp($input: CreateAppInput!) { createApp(input: $input) { key } }'
const ROTATE_APP_KEY = 'mutation RotateAppKey($input: RotateAppKeyInput!) { rotateAppKey(input: $input) { key } }'
