// Attacks on a running installation. A case says what is sent and which answer is expected. After each case this is checked:
//
// - every process is the one from before, and none has grown by more than 250 MB
// - the next good requests are right: a slot query at the node and at the gateway, and a query of each subgraph
// - the database has the documents from before: nothing is half-written
//
// An attack that may write says so, and then only the rest is checked.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { signToken } from '../../../common/access/tokens.ts'
import { canonicalJson } from '../../../common/base/content-hash.ts'
import type { Store } from '../../../common/store/store.ts'
import { bookOne } from '../../support/platform.ts'
import { until } from '../../support/until.ts'
import { type Installation, type InstallationOptions, startInstallation, tokenSettings } from './installation.ts'
import { ALL_OK, askParts } from './parts.ts'
import { askSlots } from './slot-load.ts'

export type Booked = Awaited<ReturnType<typeof bookOne>>

export type World = {
  alkaid: Installation
  /** Two apps, each with a schedule that is live. The attacker has every role in `shop`, and none in `bank`. */
  shop: Booked
  bank: Booked
  token: string
  /** Sends a query to the gateway, by default with the attacker's token. */
  graph(query: string, variables?: unknown, headers?: Record<string, string>): Promise<Outcome>
  /** Sends any request. */
  send(url: string, init?: RequestInit): Promise<Outcome>
}

/** `code`: of the first error. */
export type Outcome = { status: number; code: string | undefined; text: string; headers: Headers }

export type Attack = {
  title: string
  run(world: World): Promise<unknown>
  /** What `run` resolves to, as for `toMatchObject`. */
  expected: Record<string, unknown>
  /** Something is written, and it is meant to be. */
  writes?: boolean
}

const MOST_GROWTH_BYTES = 250 * 1024 * 1024
/** Rounds in the background write these at any time. */
const BACKGROUND = new Set([
  'statsPosition',
  'operationUses',
  'seenEvents',
  'eventTallies',
  'rollups',
  'setAsideEvents',
])

/** Declares one test for each attack. All run on one installation. */
export function testAttacks(attacks: readonly Attack[], options: InstallationOptions = {}): void {
  let world: World
  let store: Store
  let pids: Map<string, number | undefined>
  let sizes: Map<string, number>
  let shown: string

  beforeAll(async () => {
    const alkaid = await startInstallation(options)
    store = await alkaid.store()
    const shop = await bookOne(alkaid, 'shop')
    const bank = await bookOne(alkaid, 'bank')
    const everyRole = ['viewer', 'operator', 'reviewer', 'publisher', 'admin'] as const
    const token = await signToken(tokenSettings, { actor: 'mallory', roles: { shop: [...everyRole] } })
    world = { alkaid, shop, bank, token, graph, send }
    const slotsOf = () => askSlots(alkaid.get('distribution').url, slotQuery())
    await until('the node serves the slot', async () => (await slotsOf()).body.includes('MATCHED'), { within: 20_000 })
    shown = (await slotsOf()).body
    for (let warm = 0; warm < 20; warm += 1) await isUnharmed()
    pids = new Map(alkaid.all().map(({ name, pid }) => [name, pid]))
    sizes = new Map(alkaid.all().map(({ name, pid }) => [name, memoryOf(pid)]))
  }, 120_000)
  afterAll(() => world?.alkaid.stop())

  test.each(attacks.map((attack) => [attack.title, attack] as const))(
    '%s',
    async (_, { run, expected, writes }) => {
      const before = writes ? '' : await contentOf(store)
      expect(await run(world)).toMatchObject(expected)
      await isUnharmed()
      if (!writes) expect((await contentOf(store)) === before).toBe(true)
      const { alkaid } = world
      expect(new Map(alkaid.all().map(({ name, pid }) => [name, pid]))).toEqual(pids)
      for (const { name, pid } of alkaid.all()) {
        expect([name, memoryOf(pid) - sizes.get(name)! < MOST_GROWTH_BYTES]).toEqual([name, true])
      }
    },
    60_000,
  )

  const slotQuery = () => ({ app: 'shop', appKey: world.shop.appKey, slots: ['home.banner'], userId: 'ann' })

  async function isUnharmed(): Promise<void> {
    const { alkaid, shop } = world
    for (const { url } of [alkaid.get('distribution'), alkaid.get('gateway')]) {
      expect(await askSlots(url, slotQuery())).toEqual({ status: 200, body: shown })
    }
    expect((await askParts(alkaid.get('gateway').url, shop.app, 'home.banner')).parts).toEqual(ALL_OK)
  }

  async function send(url: string, init: RequestInit = {}): Promise<Outcome> {
    const response = await fetch(url, { signal: AbortSignal.timeout(30_000), redirect: 'manual', ...init })
    const text = await response.text()
    return { status: response.status, code: codeIn(text), text, headers: response.headers }
  }

  function graph(query: string, variables: unknown = {}, headers: Record<string, string> = {}): Promise<Outcome> {
    return send(`${world.alkaid.get('gateway').url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${world.token}`, ...headers },
      body: JSON.stringify({ query, variables }),
    })
  }
}

export function codeIn(text: string): string | undefined {
  try {
    return JSON.parse(text).errors?.[0]?.extensions?.code
  } catch {
    return undefined
  }
}

/** Bytes in memory (VmRSS), as Linux tells them. 0 elsewhere: then memory is not checked. */
function memoryOf(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0
  }
}

async function contentOf({ client, database }: Store): Promise<string> {
  const db = client.db(database)
  const names = (await db.listCollections().toArray()).map(({ name }) => name).filter((name) => !BACKGROUND.has(name))
  const collections: Record<string, unknown> = {}
  for (const name of names.sort()) collections[name] = await db.collection(name).find().sort({ _id: 1 }).toArray()
  return canonicalJson(collections)
}
