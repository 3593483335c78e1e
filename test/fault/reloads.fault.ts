// Invariant 5: a reload never shows an empty or mixed table. Nodes reload a thousand times, because their subscriptions are killed,
// while slots are published and read. Every decision is one that some publication gives, whole.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { describeWithRedis } from '../support/redis.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { seededRandom } from './support/seed.ts'
import { startSlotLoad } from './support/slot-load.ts'

const NODES = 4
const RELOADS = 1_000
const SLOTS = 3
const PER_SECOND = 150

describeWithRedis('A node that reloads', () => {
  seededRandom('reloads')
  let alkaid: Installation
  let slots: CountingSlot[]
  let redis: Redis

  beforeAll(async () => {
    alkaid = await startInstallation({ nodes: NODES })
    redis = new Redis(alkaid.redis.url)
    const app = await makeApp(alkaid, 'shop')
    slots = await Promise.all(Array.from({ length: SLOTS }, (_, at) => makeCountingSlot(alkaid, app, `slot-${at}`)))
    await sleep(4_000) // a comparison: every node has everything
  })
  afterAll(async () => {
    redis?.disconnect()
    await alkaid?.stop()
  })

  async function reloads(): Promise<number> {
    const counts = await Promise.all(
      alkaid.nodes().map(async ({ url }) => {
        const { channel } = (await (await fetch(`${url}/readyz`)).json()) as { channel: { reloads: number } }
        return channel.reloads
      }),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  test('serves one publication of each slot at any moment, whole, in a thousand reloads', async () => {
    let isOver = false
    const publishing = Promise.all(
      slots.map(async (slot) => {
        while (!isOver && slot.acknowledged + 1 < slot.states) {
          await slot.publishNext()
          await sleep(100)
        }
      }),
    )
    const killing = (async () => {
      while (!isOver) {
        await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
        await sleep(60)
      }
    })()
    /** `slot-0 17` -> the decision that shows this publication. */
    const decisions = new Map<string, string>()
    const query = { ...slots[0]!.query, slots: slots.flatMap((slot) => slot.query.slots) }
    const load = startSlotLoad({
      urls: () => alkaid.nodes().map(({ url }) => url),
      perSecond: PER_SECOND,
      queries: [query],
      check({ status, body }) {
        if (status !== 200) return `${status} ${body}`
        const answered = (JSON.parse(body) as { data: { decisions: { slot: string; reason: string }[] } }).data
          .decisions
        for (const [at, slot] of slots.entries()) {
          const text = JSON.stringify(answered[at])
          const number = slot.numberIn(text)
          const reason = slot.isEmptyIn(number) ? 'EMPTY' : 'MATCHED'
          if (answered[at]!.reason !== reason || number > slot.started) return `publication ${number}: ${text}`
          const key = `${answered[at]!.slot} ${number}`
          if ((decisions.get(key) ?? text) !== text) return `two answers for ${key}: ${text} and ${decisions.get(key)}`
          decisions.set(key, text)
        }
        return undefined
      },
    })
    const before = await reloads()
    const deadline = Date.now() + 200_000
    while ((await reloads()) - before < RELOADS && Date.now() < deadline) await sleep(200)
    const made = (await reloads()) - before
    isOver = true
    await Promise.all([publishing, killing])
    const { sent, failures } = await load.stop()
    process.stderr.write(`reloads: ${made} reloads, ${sent} answers, ${decisions.size} publications seen\n`)
    expect(failures).toEqual([])
    expect(made).toBeGreaterThanOrEqual(RELOADS)
    expect(decisions.size).toBeGreaterThan(10 * SLOTS)
  }, 300_000)
})
