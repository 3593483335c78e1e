// What happens to accepted events when Redis is emptied, set back or replaced. Ids that are far ahead simulate a clock that was
// ahead: events that are appended later have lower ids.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import type { EventStream } from '../../common/channel/event-stream.ts'
import { connectRedisEventStream } from '../../common/channel/redis-event-stream.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import { startOfDay } from '../../engine/time/periods.ts'
import { createEventRecorder } from '../../subgraphs/stats/event-recorder.ts'
import { setAside, tallies } from '../../subgraphs/stats/repository.ts'
import { type StatsWorker, startStatsWorker } from '../../subgraphs/stats/worker.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { eventsOf, NOW, type PlannedApp, planApp, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'
import { until } from '../support/until.ts'

const KEY = '{alkaid}:events'
const FAR_AHEAD = Date.parse('2400-01-01')

describeWithRedis('Events in a Redis that is set back', () => {
  describeEachStore('with rollups in a store', (open) => {
    let stats: TestStats
    let home: PlannedApp
    const closers: (() => Promise<unknown>)[] = []
    beforeEach(async () => {
      stats = await startStats(await open())
      closers.push(() => stats.stop())
      home = await planApp(stats.services.store, 'home')
    })
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close()
    })

    type Side = { redis: TestRedis; admin: Redis; stream: EventStream; worker: StatsWorker }

    async function start(flags: readonly string[] = []): Promise<Side> {
      const redis = await startRedis(flags)
      const stream = await connectRedisEventStream({ url: redis.url })
      const admin = new Redis(redis.url)
      admin.on('error', () => {}) // it is gone at times, and comes back
      const worker = startStatsWorker(stats.services, stream, { name: 'redis', pollMs: 3_600_000 })
      closers.push(
        () => redis.stop(),
        async () => admin.disconnect(),
        () => stream.close(),
        () => worker.stop(),
      )
      return { redis, admin, stream, worker }
    }

    async function send({ stream }: Side, n: number, prefix: string) {
      const caller = { principal: null, requestId: 'test', appKey: { app: 'home' } }
      const events = eventsOf(n, prefix, { type: 'CLICK', token: stats.token(home) })
      await createEventRecorder(stats.services, stream)(caller, { app: 'home', events: events as never })
    }

    /** The same, at ids from `first` on. */
    async function add({ admin }: Side, n: number, prefix: string, first: number) {
      const { app, slot, schedule, creative } = home
      const event = { app, type: 'CLICK', at: NOW, slot, schedule, creative, acceptedAt: NOW }
      for (let i = 0; i < n; i++) {
        await admin.xadd(KEY, `${first + i}-0`, 'e', JSON.stringify({ ...event, id: `${prefix}-${i}` }))
      }
    }

    const clicks = async () =>
      (await stats.report('home', { from: NOW - DAY_MS, to: NOW + DAY_MS, interval: 'TOTAL' })).total.clicks
    const isUp = ({ admin }: Side) =>
      until('Redis is back', async () => (await admin.ping().catch(() => '')) === 'PONG', { within: 9_000 })

    /** Everything that is accepted is counted once, and nothing is left. */
    async function expectCounted(side: Side, expected: number) {
      await side.worker.drain()
      expect(await clicks()).toBe(expected)
      expect(await side.stream.length()).toBe(0)
    }

    test('emptied: what is accepted then is counted, though its ids are lower', async () => {
      const side = await start()
      await send(side, 10, 'before')
      await add(side, 5, 'ahead', FAR_AHEAD)
      await expectCounted(side, 15)
      await side.admin.flushall()
      await send(side, 50, 'after')
      await expectCounted(side, 65)
    })

    test('emptied while another worker is about to trim: nothing of it is trimmed', async () => {
      const side = await start()
      await add(side, 5, 'ahead', FAR_AHEAD)
      await side.worker.drain()
      const before = side.worker.status().position!
      await side.admin.flushall()
      await send(side, 50, 'after')
      await side.stream.trim(before)
      await expectCounted(side, 55)
    })

    test('the stream alone deleted and made again by somebody else: what is in it is counted', async () => {
      const side = await start()
      await add(side, 5, 'ahead', FAR_AHEAD)
      await expectCounted(side, 5)
      await side.admin.del(KEY)
      await add(side, 3, 'by-hand', 1_000)
      await side.worker.drain()
      expect(await clicks()).toBe(8)
      await send(side, 20, 'after')
      await expectCounted(side, 28)
    })

    test('restarted without persistence: what is accepted then is counted', async () => {
      const side = await start()
      await add(side, 5, 'ahead', FAR_AHEAD)
      await expectCounted(side, 5)
      await side.redis.restart()
      await isUp(side)
      await send(side, 50, 'after')
      await expectCounted(side, 55)
    })

    test('started from an older dump: what was folded counts once, and what is accepted then is counted', async () => {
      const side = await start()
      await send(side, 10, 'dumped')
      await side.admin.save()
      await send(side, 30, 'lost-but-folded')
      await add(side, 5, 'ahead', FAR_AHEAD)
      await expectCounted(side, 45)
      await side.redis.restart()
      await isUp(side)
      expect(await side.stream.length()).toBe(10)
      await send(side, 50, 'after')
      await expectCounted(side, 95)
    })

    test('the key restored from a backup: what is accepted then is counted', async () => {
      const side = await start()
      await send(side, 10, 'backup')
      const backup = (await side.admin.dumpBuffer(KEY))!
      await add(side, 5, 'ahead', FAR_AHEAD)
      await expectCounted(side, 15)
      await side.admin.restore(KEY, 0, backup, 'REPLACE')
      await send(side, 50, 'after')
      await expectCounted(side, 65)
    })

    test('a replica takes over that lacks the last writes: what it is given then is counted', async () => {
      const old = await start(['--repl-diskless-sync-delay', '0'])
      const next = await start()
      await send(old, 10, 'replicated')
      await next.admin.replicaof('127.0.0.1', old.redis.port)
      await until('it has them', async () => (await next.stream.length().catch(() => 0)) === 10, { within: 9_000 })
      await next.admin.replicaof('NO', 'ONE')
      await add(old, 5, 'unreplicated', FAR_AHEAD)
      await expectCounted(old, 15)
      await send(next, 50, 'after')
      await expectCounted(next, 65)
    })

    test('restarted with all of it: nothing is read twice', async () => {
      const side = await start(['--appendonly', 'yes', '--appendfsync', 'always'])
      await send(side, 20, 'before')
      await expectCounted(side, 20)
      await send(side, 7, 'unfolded')
      await side.redis.restart()
      await isUp(side)
      await send(side, 5, 'after')
      await expectCounted(side, 32)
      const tally = await tallies.of(stats.services.store, 'home', startOfDay(NOW, 'UTC'))
      expect(tally).toMatchObject({ accepted: 32, duplicate: 0 })
    })

    test('what was refused is tallied once, even when its record is read twice', async () => {
      const side = await start()
      const caller = { principal: null, requestId: 'test', appKey: { app: 'home' } }
      const forged = eventsOf(3, 'forged', { type: 'CLICK', token: 'forged' })
      await createEventRecorder(stats.services, side.stream)(caller, { app: 'home', events: forged as never })
      const backup = (await side.admin.dumpBuffer(KEY))!
      await side.worker.drain()
      await add(side, 1, 'ahead', FAR_AHEAD)
      await side.worker.drain()
      await side.admin.restore(KEY, 0, backup, 'REPLACE')
      await side.worker.drain()
      const tally = await tallies.of(stats.services.store, 'home', startOfDay(NOW, 'UTC'))
      expect(tally).toMatchObject({ accepted: 1, forged: 3 })
      expect(await side.stream.length()).toBe(0)
    })

    test('what somebody else put in its place is gone with the next events, and keeps no worker from its work', async () => {
      const side = await start()
      await side.admin.set(KEY, 'something else')
      await side.worker.drain()
      await send(side, 5, 'after')
      await expectCounted(side, 5)
    })

    test('what somebody else put into it, of any size and at any id, is set aside', async () => {
      const side = await start()
      await send(side, 2, 'before')
      await side.worker.drain()
      await side.admin.xadd(KEY, `${FAR_AHEAD}-1`, 'anything', 'else')
      await side.admin.xadd(KEY, `${FAR_AHEAD}-2`, 'e', 'x'.repeat(8_000_000), 'more', 'fields')
      await side.admin.xadd(KEY, `${FAR_AHEAD}-3`, 'e', Buffer.from([0xff, 0xfe, 0x00]))
      for (let i = 0; i < 400; i++) await side.admin.xadd(KEY, `${FAR_AHEAD + 1}-${i}`, 'e', 'y'.repeat(30_000))
      await send(side, 5, 'after')
      await side.admin.xadd(KEY, '18446744073709551614-18446744073709551615', 'e', 'z')
      await expectCounted(side, 7)
      expect(await setAside.of(stats.services.store, 'redis')).toMatchObject({ count: 404 })
    })

    test('a position of before positions named their stream is read from the beginning', async () => {
      const { store } = stats.services
      await store.client
        .db(store.database)
        .collection<{ _id: string; position: string }>('statsPosition')
        .insertOne({
          _id: 'redis',
          position: `${FAR_AHEAD}-0`,
        })
      const side = await start()
      await send(side, 5, 'after')
      await expectCounted(side, 5)
    })
  })
})
