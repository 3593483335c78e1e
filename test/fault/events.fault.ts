// Invariant 12: every accepted event is counted once. Apps send batches over HTTP, and send a batch again until it is acknowledged, and
// at times once more after that. Meanwhile stats, Redis and MongoDB are killed and frozen at random, and come back. In the end, the rollups
// equal what was accepted, to the last event.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import type { Store } from '../../common/store/store.ts'
import { mintEventToken } from '../../engine/publication/event-token.ts'
import { HOUR_MS } from '../../engine/time/days.ts'
import { gateway, subgraphs } from '../../subgraphs/registry.ts'
import { describeWithRedis } from '../support/redis.ts'
import { seeded } from '../support/seeded.ts'
import { planApp } from '../support/stats.ts'
import { until } from '../support/until.ts'
import { type Installation, signingKeys, startInstallation } from './support/installation.ts'
import { OUTAGE_SECONDS, pick, seededRandom } from './support/seed.ts'

/** How long processes are killed and frozen, in ms: 48 s by default. */
const KILLING_MS = 4 * OUTAGE_SECONDS * 1_000
const SENDERS = 4
const KEY = 'key of home'

const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
const RECORD_EVENTS = [...operations.values()].find(({ name }) => name === 'RecordEvents')!.id
const COUNTER_OF = { IMPRESSION: 'impressions', CLICK: 'clicks', CONVERSION: 'conversions' } as const
const TYPES = Object.keys(COUNTER_OF) as (keyof typeof COUNTER_OF)[]

type Event = { id: string; type: keyof typeof COUNTER_OF; at?: string; token: string }
type Counts = Record<string, number>

describeWithRedis('While stats, Redis and MongoDB are killed and frozen at random', () => {
  let alkaid: Installation
  let store: Store

  beforeAll(async () => {
    const others = [gateway, ...subgraphs].map(({ name }) => name).filter((name) => name !== 'stats')
    alkaid = await startInstallation({
      without: others,
      stopped: ['stats'],
      redisFlags: ['--appendonly', 'yes', '--appendfsync', 'always'],
    })
    store = await alkaid.store()
    await planApp(store, 'home', 'Europe/Berlin', KEY)
    await alkaid.get('stats').start()
  })
  afterAll(() => alkaid?.stop())

  test(
    'every accepted event is counted once',
    async () => {
      const { seed, random } = seededRandom('events')
      const creatives = ['cre_a', 'cre_b', 'cre_c']
      const tokens = creatives.map((id) =>
        mintEventToken(signingKeys, {
          app: 'home',
          slot: 'slt_home',
          schedule: id === 'cre_c' ? null : { id: `sch_of_${id}`, revision: 1 },
          creative: { id, revision: 1 },
        }),
      )
      const expected: Counts = {}
      const seen = { batches: 0, refused: 0, unreachable: 0, repeated: 0, forged: 0, kills: 0, freezes: 0 }
      let killing = true

      const killers = killAtRandom(alkaid, random, () => killing, seen)
      const senders = Array.from({ length: SENDERS }, (_, sender) => sendBatches(sender))
      try {
        await Promise.race([sleep(KILLING_MS), Promise.all(senders)]) // Senders end early only when one fails.
      } finally {
        killing = false
        await killers
      }
      await Promise.all(senders)

      await untilFolded(alkaid.get('stats'))
      process.stderr.write(`events: ${JSON.stringify(seen)}\n`)
      expect(await counted(store)).toEqual(expected)
      const { accepted, duplicate, forged } = await tally(store)
      expect(accepted - duplicate).toBe(Object.values(expected).reduce((sum, count) => sum + count))
      expect(forged).toBeGreaterThanOrEqual(seen.forged)
      // Otherwise the test has shown nothing.
      expect(seen.kills).toBeGreaterThanOrEqual(6)
      expect(seen.unreachable).toBeGreaterThan(0)
      expect(seen.refused).toBeGreaterThan(0)

      async function sendBatches(sender: number): Promise<void> {
        const chance = seeded(seed + 1 + sender)
        for (let n = 0; killing; n++) {
          const size = chance() < 0.05 ? 999 : 1 + Math.floor(chance() * 60)
          const events = Array.from({ length: size }, (_, i) => newEvent(`${sender}-${n}-${i}`, chance))
          const forged = chance() < 0.2 ? [{ id: `forged-${sender}-${n}`, type: 'CLICK' as const, token: 'x' }] : []
          await sendUntilAccepted([...events, ...forged])
          seen.batches += 1
          seen.forged += forged.length
          if (chance() < 0.2) {
            await sendUntilAccepted(events)
            seen.repeated += 1
          }
          for (const { type, token } of events) {
            const key = `${creatives[tokens.indexOf(token)]} ${COUNTER_OF[type]}`
            expected[key] = (expected[key] ?? 0) + 1
          }
          await sleep(chance() * 150)
        }
      }

      function newEvent(id: string, chance: () => number): Event {
        const at = chance() < 0.2 ? new Date(Date.now() - chance() * 100 * HOUR_MS).toISOString() : undefined
        return { id, type: pick(chance, TYPES), token: pick(chance, tokens), ...(at && { at }) }
      }

      async function sendUntilAccepted(events: readonly Event[]): Promise<void> {
        for (;;) {
          const answer = await send(alkaid.get('stats').url, events)
          const recorded = answer?.data?.recordEvents
          if (recorded) {
            expect(recorded.accepted).toBe(events.filter(({ token }) => token !== 'x').length)
            return
          }
          if (answer) seen.refused += 1
          else seen.unreachable += 1
          const code = answer?.errors?.[0]?.extensions.code ?? 'UNAVAILABLE'
          expect(['UNAVAILABLE', 'TIMEOUT', 'RATE_LIMITED']).toContain(code)
          await sleep(100)
        }
      }
    },
    KILLING_MS + 180_000,
  )
})

/**
 * Kills one process after the other, or freezes it for up to 4 s. Each is started again after up to a second. At times, two are down
 * together.
 */
async function killAtRandom(
  alkaid: Installation,
  random: () => number,
  goesOn: () => boolean,
  seen: { kills: number; freezes: number },
): Promise<void> {
  const { redis, database } = alkaid
  const stats = alkaid.get('stats')
  const victims: Victim[] = [
    { ...stats, startAgain: () => startUntilItStarts(stats) },
    { kill: redis.kill, startAgain: redis.restart, freeze: redis.pause, thaw: redis.resume },
    { ...database.process, startAgain: database.process.start },
  ]
  const restarts = new Map<Victim, Promise<void>>()
  let round: Victim[] = []
  while (goesOn()) {
    await sleep(200 + random() * 2_500)
    if (round.length === 0) round = [...victims] // In each round, each process is killed or frozen once.
    const [victim] = round.splice(Math.floor(random() * round.length), 1) as [Victim]
    await restarts.get(victim)
    if (random() < 0.3) {
      victim.freeze()
      seen.freezes += 1
      await sleep(random() * 4_000)
      victim.thaw()
      continue
    }
    await victim.kill()
    seen.kills += 1
    const restart = sleep(random() * 1_000).then(() => victim.startAgain())
    restarts.set(victim, restart)
    if (random() < 0.3) await restart
  }
  await Promise.all(restarts.values())
}

type Victim = { kill(): Promise<void>; startAgain(): Promise<void>; freeze(): void; thaw(): void }

/** A service ends when a store is away while it starts. A service manager starts it again, and so does this. */
async function startUntilItStarts(service: ReturnType<Installation['get']>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await service.start()
    } catch (error) {
      if (attempt === 20) throw error
    }
  }
}

type Answer = {
  data?: { recordEvents: { accepted: number; forged: number } | null } | null
  errors?: { extensions: { code: string } }[]
}

/** Undefined: there was no answer. Nobody knows then whether the events were accepted. */
async function send(url: string, events: readonly Event[]): Promise<Answer | undefined> {
  const body = {
    variables: { input: { app: 'home', events } },
    extensions: { persistedQuery: { version: 1, sha256Hash: RECORD_EVENTS } },
  }
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-app-key': KEY },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    })
    return (await response.json()) as Answer
  } catch {
    return undefined
  }
}

/** Fails when nothing was folded for 40 s: the worker waits up to 30 s after failures. */
async function untilFolded(stats: ReturnType<Installation['get']>): Promise<void> {
  let left = Number.POSITIVE_INFINITY
  while (left > 0) {
    const before = left
    const isFolding = async () => {
      left = await backlog(stats.metricsUrl)
      return left < before
    }
    await until(`events are folded: ${before} are left. Stats said:\n${stats.output()}`, isFolding, { within: 40_000 })
  }
}

async function backlog(metricsUrl: string): Promise<number> {
  const metrics = await fetch(`${metricsUrl}/metrics`).then((response) => response.text())
  return Number(/^alkaid_stats_backlog_events (\S+)$/m.exec(metrics)?.[1] ?? Number.NaN)
}

/** `<creative> <counter>` -> the sum over all days. The sums over minutes and hours must be the same. */
async function counted(store: Store): Promise<Counts> {
  const units = await Promise.all(['DAY', 'HOUR', 'MINUTE'].map((unit) => sums(store, unit)))
  expect(units[1]).toEqual(units[0])
  expect(units[2]).toEqual(units[0])
  return units[0]!
}

async function sums(store: Store, unit: string): Promise<Counts> {
  const rollups = store.client.db(store.database).collection('rollups').find({ unit })
  const counts: Counts = {}
  for await (const { creative, ...rollup } of rollups) {
    for (const counter of Object.values(COUNTER_OF)) {
      const key = `${creative} ${counter}`
      if (rollup[counter] > 0) counts[key] = (counts[key] ?? 0) + rollup[counter]
    }
  }
  return counts
}

async function tally(store: Store): Promise<{ accepted: number; duplicate: number; forged: number }> {
  const total = { accepted: 0, duplicate: 0, forged: 0 }
  for await (const { accepted, duplicate, forged } of store.client
    .db(store.database)
    .collection('eventTallies')
    .find()) {
    total.accepted += accepted
    total.duplicate += duplicate
    total.forged += forged
  }
  return total
}
