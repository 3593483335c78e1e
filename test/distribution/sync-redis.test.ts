// What a node does when a real Redis stops, hangs, loses data or sends no notifications.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import type { Channel } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { examine } from '../../common/service/health.ts'
import { distributionChecks } from '../../subgraphs/distribution/monitoring.ts'
import { type Sync, type SyncIntervals, startSync } from '../../subgraphs/distribution/sync.ts'
import { listDocument, put, settingsDocument, slotDocument, testKeys } from '../support/documents.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { describeSync, ONLY_COMPARISONS, ONLY_NOTIFICATIONS, shownIn, silent } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

describeWithRedis('Over Redis', () => {
  let server: TestRedis
  let admin: Redis
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
    admin.on('error', () => {}) // it is gone at times, and comes back
  })
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  const connect = () => connectRedisChannel({ url: server.url })

  describeSync('a node in step', async () => {
    await admin.flushall()
    return { writer: await connect(), reader: await connect() }
  })

  describe('a node whose Redis fails', () => {
    let writer: Channel
    let reader: Channel
    let sync: Sync
    const documents = [settingsDocument('shop', 1), slotDocument('shop', 'home', 1), listDocument(1, ['shop'])]
    beforeEach(async () => {
      await admin.flushall()
      writer = await connect()
      reader = await connect()
    })
    afterEach(async () => {
      server.resume()
      await sync.stop()
      await Promise.all([writer.close(), reader.close()])
    })

    async function startWith(intervals: Partial<SyncIntervals>): Promise<void> {
      sync = await startSync({ channel: reader, keys: testKeys, node: 'n1', log: silent, intervals })
    }

    const isServed = (id: string) =>
      until(`${id} is served`, () => shownIn(sync, 'shop', 'home') === id, { within: 9_000 })

    async function expectUnchanged(): Promise<void> {
      expect(sync.ready).toBe(true)
      expect(sync.table.apps()).toEqual(['shop'])
      expect(sync.table.settings('shop')).toBeDefined()
      expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
    }

    test('is not ready while a document is missing that the manifest names', async () => {
      await put(writer, ...documents)
      await admin.del('{shop}:slot:home')
      await startWith(ONLY_COMPARISONS)
      expect(sync.ready).toBe(false)
      expect(sync.status().missing).toBeGreaterThan(0)
      await put(writer, slotDocument('shop', 'home', 1))
      await sync.untilReady()
      await expectUnchanged()
    })

    test('keeps everything when Redis is emptied, counts it, and is up to date again when the documents are written again', async () => {
      await put(writer, ...documents)
      await startWith(ONLY_COMPARISONS)
      await admin.flushall()
      await until('it is counted', () => sync.status().missing >= 3)
      await expectUnchanged()
      const { stalenessMs } = sync.status()
      await sleep(50)
      expect(sync.status().stalenessMs).toBeGreaterThan(stalenessMs!)

      await put(writer, ...documents)
      await until('it is in step', () => sync.status().stalenessMs! < 45)
      await expectUnchanged()
    })

    test('keeps a slot whose key is deleted, also on reloads', async () => {
      await put(writer, ...documents)
      await startWith({ ...ONLY_COMPARISONS, reload: 0 })
      await admin.del('{shop}:slot:home')
      await until('it is counted', () => sync.status().missing >= 3)
      await expectUnchanged()
    })

    test('keeps its documents when Redis comes back with older ones', async () => {
      await put(writer, ...documents, slotDocument('shop', 'home', 2))
      await startWith(ONLY_COMPARISONS)
      await admin.flushall()
      await put(writer, ...documents)
      await until('it is counted', () => sync.status().notHigher > 0)
      expect(shownIn(sync, 'shop', 'home')).toBe('home-2')
      await put(writer, slotDocument('shop', 'home', 3))
      await isServed('home-3')
    })

    test('finds changes while Redis sends no notifications', async () => {
      await put(writer, ...documents)
      await startWith(ONLY_COMPARISONS)
      await admin.config('SET', 'notify-keyspace-events', '')
      await put(writer, slotDocument('shop', 'home', 2))
      await isServed('home-2')
    })

    test('keeps serving while Redis hangs, and catches up when Redis continues', async () => {
      await put(writer, ...documents)
      await startWith({ ...ONLY_COMPARISONS, compare: 100 })
      server.pause()
      await until('it is counted', () => sync.status().failures > 0, { within: 9_000 })
      await expectUnchanged()
      expect(sync.status().stalenessMs).toBeGreaterThan(500)

      server.resume()
      await until('Redis is back', () => put(writer, slotDocument('shop', 'home', 2)).then(isDone, isNotDone))
      await isServed('home-2')
      await until('it is in step', () => sync.status().stalenessMs! < 500, { within: 9_000 })
    })

    test('notices within seconds that Redis is silent, shows how stale it is, and that Redis is back', async () => {
      await put(writer, ...documents)
      const { heartbeat: _heartbeat, compare: _compare, ...others } = ONLY_NOTIFICATIONS
      await startWith(others) // heartbeats and comparisons as in production
      expect(sync.status().unreachableMs).toBeNull()
      server.pause()
      await until('it is noticed', () => sync.status().unreachableMs !== null, { within: 5_000 })
      expect(sync.status().stalenessMs).toBeGreaterThan(0)
      const { ready, warnings } = await examine(distributionChecks(sync))
      expect([ready, warnings]).toEqual([true, [expect.stringMatching(/the channel has not answered for \d+ s/)]])
      server.resume()
      await until('it is back', () => sync.status().unreachableMs === null, { within: 9_000 })
    })

    test('finds changes and says so when Redis forbids CONFIG', async () => {
      await put(writer, ...documents)
      await admin.config('SET', 'notify-keyspace-events', '')
      await admin.acl('SETUSER', 'managed', 'on', '>secret', '~*', '&*', '+@all', '-config')
      const managed = await connectRedisChannel({ url: server.url.replace('//', '//managed:secret@') })
      try {
        sync = await startSync({
          channel: managed,
          keys: testKeys,
          node: 'n2',
          log: silent,
          intervals: ONLY_COMPARISONS,
        })
        expect(sync.status().notifications).toBe('unknown')
        const { warnings } = await examine(distributionChecks(sync))
        expect(warnings).toEqual([expect.stringContaining('Redis forbids CONFIG')])
        await put(writer, slotDocument('shop', 'home', 2))
        await isServed('home-2')
        await admin.config('SET', 'notify-keyspace-events', 'K$')
        await put(writer, slotDocument('shop', 'home', 3))
        await until('a notification has come', () => sync.status().notifications === 'on')
      } finally {
        await sync.stop()
        await managed.close()
        await admin.acl('DELUSER', 'managed')
      }
    })

    test('reloads after a restart of Redis, and gets notifications again', async () => {
      await put(writer, ...documents)
      await startWith(ONLY_NOTIFICATIONS)
      await server.restart()
      await until('it knows of the interruption', () => sync.status().interruptions > 0, { within: 9_000 })
      await until('it has reloaded', () => sync.status().reloads > 1, { within: 9_000 })
      await expectUnchanged()
      await until('Redis is back', () => put(writer, slotDocument('shop', 'home', 2)).then(isDone, isNotDone))
      await isServed('home-2')
    })

    test('starts while Redis hangs, and becomes ready when Redis continues', async () => {
      await put(writer, ...documents)
      server.pause()
      await startWith(ONLY_COMPARISONS)
      expect(sync.ready).toBe(false)
      expect(sync.status().failures).toBeGreaterThan(0)
      server.resume()
      await sync.untilReady()
      await expectUnchanged()
    })
  })
})

const isDone = () => true
const isNotDone = () => false
