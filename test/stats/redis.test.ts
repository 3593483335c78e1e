import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { EventStream } from '../../common/channel/event-stream.ts'
import { connectRedisEventStream } from '../../common/channel/redis-event-stream.ts'
import { createEventRecorder } from '../../subgraphs/stats/event-recorder.ts'
import { startStatsWorker } from '../../subgraphs/stats/worker.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { eventsOf, NOW, planApp, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'

describeWithRedis('Counting events from a Redis Stream', () => {
  describeEachStore('with rollups in a store', (open) => {
    let redis: TestRedis
    let stream: EventStream
    let stats: TestStats
    beforeAll(async () => {
      redis = await startRedis()
      stream = await connectRedisEventStream({ url: redis.url })
      stats = await startStats(await open())
    })
    afterAll(async () => {
      await stream.close()
      await stats.stop()
      await redis.stop()
    })

    test('counts are exact with two workers, and the same events sent again count nothing', async () => {
      const home = await planApp(stats.services.store, 'home')
      const accept = createEventRecorder(stats.services, stream)
      const caller = { principal: null, requestId: 'test', appKey: { app: 'home' } }
      const send = async (prefix: string) => {
        const events = eventsOf(200, prefix, { type: 'CLICK', token: stats.token(home) })
        await accept(caller, { app: 'home', events: events as never })
      }
      const start = () => startStatsWorker(stats.services, stream, { name: 'redis', pollMs: 1, batch: 70 })
      const workers = [start(), start()]
      for (let round = 0; round < 5; round++) await Promise.all([send(`a${round}`), send(`b${round}`), send('again')])
      await Promise.all(workers.map((worker) => worker.drain()))
      await Promise.all(workers.map((worker) => worker.stop()))
      const { total } = await stats.report('home', { from: NOW - 1, to: NOW + 1, interval: 'TOTAL' })
      expect(total.clicks).toBe(2_200)
      expect(await stream.length()).toBe(0)
    })

    test('while Redis hangs, nothing is acknowledged', async () => {
      const home = await planApp(stats.services.store, 'other')
      const accept = createEventRecorder(stats.services, stream)
      redis.pause()
      const caller = { principal: null, requestId: 'test', appKey: { app: 'other' } }
      const events = eventsOf(1, 'hung', { type: 'CLICK', token: stats.token(home) })
      await expect(accept(caller, { app: 'other', events: events as never })).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
      redis.resume()
    })
  })
})
