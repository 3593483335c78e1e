// Invariant 12: every accepted event is counted once. Apps send batches over HTTP, and send a batch again until it is acknowledged, and
// at times once more after that. Meanwhile stats, Redis and MongoDB are killed and frozen at random, and come back. In the end, the rollups
// equal what was accepted, to the last event.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { HOUR_MS } from '../../engine/time/days.ts'
import { describeWithRedis } from '../support/redis.ts'
import { seeded } from '../support/seeded.ts'
import type { Installation } from './support/installation.ts'
import { OUTAGE_SECONDS, pick, seededRandom } from './support/seed.ts'
import {
  COUNTER_OF,
  type Counts,
  CREATIVES,
  EVENT_TYPES,
  type SentEvent,
  type StatsAlone,
  startStatsAlone,
} from './support/stats-alone.ts'

/** How long processes are killed and frozen, in ms: 48 s by default. */
const KILLING_MS = 4 * OUTAGE_SECONDS * 1_000
const SENDERS = 4

describeWithRedis('While stats, Redis and MongoDB are killed and frozen at random', () => {
  let events: StatsAlone
  beforeAll(async () => {
    // Redis writes each command to its file before it answers.
    events = await startStatsAlone(['--appendonly', 'yes', '--appendfsync', 'always'])
  })
  afterAll(() => events?.alkaid.stop())

  test(
    'every accepted event is counted once',
    async () => {
      const { seed, random } = seededRandom('events')
      const expected: Counts = {}
      const seen = { batches: 0, refused: 0, unreachable: 0, repeated: 0, forged: 0, kills: 0, freezes: 0 }
      let killing = true

      const killers = killAtRandom(events.alkaid, random, () => killing, seen)
      const senders = Array.from({ length: SENDERS }, (_, sender) => sendBatches(sender))
      try {
        await Promise.race([sleep(KILLING_MS), Promise.all(senders)]) // Senders end early only when one fails.
      } finally {
        killing = false
        await killers
      }
      await Promise.all(senders)
      await events.untilFolded()

      process.stderr.write(`events: ${JSON.stringify(seen)}\n`)
      expect(await events.counted()).toEqual(expected)
      const { accepted, duplicate, forged } = await events.tally()
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
          const creatives = Array.from({ length: size }, () => pick(chance, CREATIVES))
          const batch = creatives.map((creative, i) => newEvent(`${sender}-${n}-${i}`, creative, chance))
          const forged = chance() < 0.2 ? [{ id: `forged-${sender}-${n}`, type: 'CLICK' as const, token: 'x' }] : []
          await sendUntilAccepted([...batch, ...forged])
          seen.batches += 1
          seen.forged += forged.length
          if (chance() < 0.2) {
            await sendUntilAccepted(batch)
            seen.repeated += 1
          }
          for (const [i, { type }] of batch.entries()) {
            const key = `${creatives[i]} ${COUNTER_OF[type]}`
            expected[key] = (expected[key] ?? 0) + 1
          }
          await sleep(chance() * 150)
        }
      }

      function newEvent(id: string, creative: string, chance: () => number): SentEvent {
        const at = chance() < 0.2 ? new Date(Date.now() - chance() * 100 * HOUR_MS).toISOString() : undefined
        return { id, type: pick(chance, EVENT_TYPES), token: events.tokenOf(creative), ...(at && { at }) }
      }

      async function sendUntilAccepted(batch: readonly SentEvent[]): Promise<void> {
        for (;;) {
          const answer = await events.send(batch)
          const recorded = answer?.data?.recordEvents
          if (recorded) {
            expect(recorded.accepted).toBe(batch.filter(({ token }) => token !== 'x').length)
            return
          }
          if (answer) seen.refused += 1
          else seen.unreachable += 1
          const code = answer?.errors?.[0]?.extensions.code ?? 'UNAVAILABLE'
          expect(['UNAVAILABLE', 'TIMEOUT']).toContain(code)
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
