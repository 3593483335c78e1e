// More events arrive at once than one process can check in seconds. What it accepts, it accepts in time and counts once. The rest is
// answered with 503 and `retry-after`, and is accepted when it is sent again.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../support/redis.ts'
import { type SentEvent, type StatsAlone, startStatsAlone } from './support/stats-alone.ts'

const SENDERS = 350
const BATCH = 1_000

describeWithRedis('When hundreds of apps send large batches at once', () => {
  let events: StatsAlone
  beforeAll(async () => {
    events = await startStatsAlone()
  })
  afterAll(() => events?.alkaid.stop())

  test('each batch is accepted sooner or later, and every event is counted once', async () => {
    const token = events.tokenOf('cre_a')
    const statuses: Record<number, number> = {}

    async function sendUntilAccepted(batch: readonly SentEvent[]): Promise<void> {
      for (;;) {
        const answer = await events.send(batch)
        statuses[answer?.status ?? 0] = (statuses[answer?.status ?? 0] ?? 0) + 1
        if (answer?.data?.recordEvents?.accepted === BATCH) return
        expect(answer?.errors?.[0]?.extensions.code).toBe('UNAVAILABLE')
        if (answer?.status === 503) expect(answer.headers.get('retry-after')).toBe('1')
        await sleep(1_000)
      }
    }

    const { pid } = events.stats
    await Promise.all(
      Array.from({ length: SENDERS }, (_, sender) =>
        sendUntilAccepted(
          Array.from({ length: BATCH }, (_, n) => ({ id: `${sender}-${n}`, type: 'IMPRESSION', token })),
        ),
      ),
    )
    process.stderr.write(`events at once: answers by status: ${JSON.stringify(statuses)}\n`)
    expect(statuses[503]).toBeGreaterThan(0) // Otherwise the test has shown nothing.
    await events.untilFolded()
    expect(await events.counted()).toEqual({ 'cre_a impressions': SENDERS * BATCH })
    const { accepted, duplicate } = await events.tally()
    expect(accepted - duplicate).toBe(SENDERS * BATCH)
    expect(events.stats.pid).toBe(pid)
  }, 180_000)
})
