// Stats as the only service, with a database and a Redis. An app `home` sends events over HTTP, and what was
// counted is read from the rollups.

import { expect } from '@jest/globals'
import { readPersistedOperations } from '../../../common/lane/persisted-operations.ts'
import type { Store } from '../../../common/store/store.ts'
import { mintEventToken } from '../../../engine/publication/event-token.ts'
import { gateway, subgraphs } from '../../../subgraphs/registry.ts'
import { planApp } from '../../support/stats.ts'
import { until } from '../../support/until.ts'
import { type Installation, type Service, signingKeys, startInstallation } from './installation.ts'

export const COUNTER_OF = { IMPRESSION: 'impressions', CLICK: 'clicks', CONVERSION: 'conversions' } as const
export type EventType = keyof typeof COUNTER_OF
export const EVENT_TYPES = Object.keys(COUNTER_OF) as EventType[]
export const CREATIVES = ['cre_a', 'cre_b', 'cre_c'] as const

export type SentEvent = { id: string; type: EventType; at?: string; token: string }
/** `<creative> <counter>` -> how many. */
export type Counts = Record<string, number>
export type Answer = {
  status: number
  headers: Headers
  data?: { recordEvents: { accepted: number; forged: number } | null } | null
  errors?: { extensions: { code: string } }[]
}

export type StatsAlone = {
  alkaid: Installation
  stats: Service
  /** The event token of a creative. */
  tokenOf(creative: string): string
  /** Undefined: there was no answer. Nobody knows then whether the events were accepted. */
  send(events: readonly SentEvent[]): Promise<Answer | undefined>
  /** Waits while the worker folds. Fails when nothing was folded for 40 s: the worker waits up to 30 s after failures. */
  untilFolded(): Promise<void>
  /** The sums over all days. The sums over minutes and hours must be the same. */
  counted(): Promise<Counts>
  tally(): Promise<{ accepted: number; duplicate: number; forged: number }>
}

const KEY = 'key of home'
const operations = readPersistedOperations(new URL('../../../schema/persisted-queries.json', import.meta.url))
const RECORD_EVENTS = [...operations.values()].find(({ name }) => name === 'RecordEvents')!.id

export async function startStatsAlone(redisFlags: readonly string[] = []): Promise<StatsAlone> {
  const alkaid = await startInstallation({
    without: [gateway, ...subgraphs].map(({ name }) => name).filter((name) => name !== 'stats'),
    stopped: ['stats'],
    redisFlags,
  })
  const stats = alkaid.get('stats')
  const store = await alkaid.store()
  await planApp(store, 'home', 'Europe/Berlin', KEY)
  const unlimited = { $set: { requestsPerSecond: 1_000_000 } }
  await store.client.db(store.database).collection<{ _id: string }>('apps').updateOne({ _id: 'home' }, unlimited)
  await stats.start()
  return {
    alkaid,
    stats,
    tokenOf: (id) => {
      const schedule = id === 'cre_c' ? null : { id: `sch_of_${id}`, revision: 1 }
      return mintEventToken(signingKeys, { app: 'home', slot: 'slt_home', schedule, creative: { id, revision: 1 } })
    },
    send: (events) => send(stats.url, events),
    untilFolded: () => untilFolded(stats),
    async counted() {
      const [days, ...others] = await Promise.all(['DAY', 'HOUR', 'MINUTE'].map((unit) => sumsOf(store, unit)))
      for (const other of others) expect(other).toEqual(days)
      return days!
    },
    tally: () => tallyIn(store),
  }
}

async function send(url: string, events: readonly SentEvent[]): Promise<Answer | undefined> {
  const body = {
    variables: { input: { app: 'home', events } },
    extensions: { persistedQuery: { version: 1, sha256Hash: RECORD_EVENTS } },
  }
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-app-key': KEY },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    })
    const { status, headers } = response
    return { status, headers, ...((await response.json()) as object) }
  } catch {
    return undefined
  }
}

async function untilFolded(stats: Service): Promise<void> {
  let left = Number.POSITIVE_INFINITY
  while (left > 0) {
    const before = left
    const isFolding = async () => {
      left = await backlogOf(stats)
      return left < before
    }
    await until(`events are folded: ${before} are left. Stats said:\n${stats.output()}`, isFolding, { within: 40_000 })
  }
}

async function backlogOf({ metricsUrl }: Service): Promise<number> {
  const metrics = await fetch(`${metricsUrl}/metrics`).then((response) => response.text())
  return Number(/^alkaid_stats_backlog_events (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN)
}

async function sumsOf(store: Store, unit: string): Promise<Counts> {
  const found = store.client.db(store.database).collection('rollups').find({ unit })
  const counts: Counts = {}
  for await (const { creative, ...rollup } of found) {
    for (const counter of Object.values(COUNTER_OF)) {
      const key = `${creative} ${counter}`
      if (rollup[counter] > 0) counts[key] = (counts[key] ?? 0) + rollup[counter]
    }
  }
  return counts
}

async function tallyIn(store: Store): ReturnType<StatsAlone['tally']> {
  const total = { accepted: 0, duplicate: 0, forged: 0 }
  const found = await store.client.db(store.database).collection('eventTallies').find().toArray()
  for (const { accepted, duplicate, forged } of found) {
    total.accepted += accepted
    total.duplicate += duplicate
    total.forged += forged
  }
  return total
}
