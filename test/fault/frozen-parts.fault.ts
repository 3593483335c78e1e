// Invariant 7: one slow or dead part does not sink the others. Each service, the database and Redis are frozen in turn under load: slots
// are answered as before, and the graph answers the fields of everything else.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/platform.ts'
import { describeWithRedis } from '../support/redis.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { ALL_OK, askParts, PART_NAMES, type Part } from './support/parts.ts'
import { type SlotLoad, startSlotLoad } from './support/slot-load.ts'

/** The fields that a frozen part may cost. */
const COSTS: Record<string, readonly Part[]> = {
  ...Object.fromEntries(PART_NAMES.map((name) => [name, [name]])),
  redis: [],
  database: ['schedule', 'creative', 'strategy', 'audit', 'delivery', 'stats'],
}
const PER_SECOND = 60
/** Until the gateway gives a part up for the first time. It waits 12 s for a subgraph. */
const FIRST_MS = 14_000
/** After the first failure the promise is 2 s. The test leaves room for a busy machine. */
const NEXT_MS = 4_000
/** Slots are answered in a few ms. The test leaves room for a busy machine. */
const SLOTS_P99_MS = 1_000
const QUERIES = 3
const QUERY_EVERY_MS = 1_000

describeWithRedis('While a part is frozen', () => {
  let alkaid: Installation
  let slot: CountingSlot
  let load: SlotLoad
  let isFrozen = (_url: string) => false

  beforeAll(async () => {
    alkaid = await startInstallation({ nodes: 2 })
    slot = await makeCountingSlot(alkaid, await makeApp(alkaid, 'shop'), 'home.banner', 6)
    await sleep(4_000) // a comparison: both nodes have everything
    load = startSlotLoad({
      // Apps are sent to the nodes that answer.
      urls: () => alkaid.nodes().flatMap(({ url }) => (isFrozen(url) ? [] : [url])),
      perSecond: PER_SECOND,
      queries: [slot.query],
      check: ({ status, body }) => (status === 200 && slot.numberIn(body) === 0 ? undefined : `${status} ${body}`),
    })
  })
  afterAll(async () => {
    await load?.stop()
    await alkaid?.stop()
  })

  const ask = () => askParts(alkaid.get('gateway').url, 'shop', 'home.banner')

  function freeze(name: string): () => void {
    if (name === 'redis') {
      alkaid.redis.pause()
      return () => alkaid.redis.resume()
    }
    const process = name === 'database' ? alkaid.database.process : alkaid.get(name)
    process.freeze()
    return () => process.thaw()
  }

  test.each(Object.keys(COSTS))(
    '%s: slots are answered as before, and so are the fields of the others',
    async (name) => {
      expect((await eventually(ask, ({ parts }) => PART_NAMES.every((part) => parts[part] === 'ok'))).parts).toEqual(
        ALL_OK,
      )
      isFrozen = (url) => name === 'distribution' && url === alkaid.get(name).url
      await sleep(1_000) // what was sent to the node before is answered by now
      load.mark()
      const thaw = freeze(name)
      const times: number[] = []
      try {
        for (let query = 0; query < QUERIES; query++) {
          await sleep(QUERY_EVERY_MS)
          const { parts, ms } = await ask()
          times.push(ms)
          const lost = PART_NAMES.filter((part) => parts[part] !== 'ok')
          expect({ name, lost }).toEqual({ name, lost: PART_NAMES.filter((part) => COSTS[name]!.includes(part)) })
          for (const part of lost) expect(['UNAVAILABLE', 'TIMEOUT']).toContain(parts[part])
        }
      } finally {
        thaw()
        isFrozen = () => false
      }
      const { sent, failures, latency } = load.report()
      process.stderr.write(
        `frozen-parts: ${name}: the graph after ${times} ms; ${sent} slots, p99 ${latency(0.99).toFixed(1)} ms\n`,
      )
      expect(failures).toEqual([])
      expect(latency(0.99)).toBeLessThanOrEqual(SLOTS_P99_MS)
      expect(times[0]).toBeLessThanOrEqual(FIRST_MS)
      expect(Math.max(...times.slice(1))).toBeLessThanOrEqual(NEXT_MS)
    },
  )
})
