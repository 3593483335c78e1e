import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { ChannelUnavailable } from '../../common/channel/channel.ts'
import { connectRedisEventStream } from '../../common/channel/redis-event-stream.ts'
import { describeEventStream } from '../support/event-stream-suite.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { startCluster, type TestCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

describeWithRedis('The event stream over Redis', () => {
  let server: TestRedis
  let admin: Redis
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
  })
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })
  const open = () => connectRedisEventStream({ url: server.url })
  const clear = async () => void (await admin.flushall())

  describeEventStream('as every event stream', { open, clear })

  test('a batch for which there is no memory is refused whole, and accepted events stay', async () => {
    await clear()
    const stream = await open()
    await stream.append(['accepted'])
    await admin.config('SET', 'maxmemory', '1')
    await expect(stream.append(['a', 'b'])).rejects.toThrow(/OOM/)
    await admin.config('SET', 'maxmemory', '0')
    expect((await stream.read(null, 10)).map(({ payload }) => payload)).toEqual(['accepted'])
    await stream.close()
  })

  test('after the last id that Redis has, the stream begins anew, and nothing is lost', async () => {
    await clear()
    const stream = await open()
    await stream.append(['before'])
    await admin.xadd('{alkaid}:events', '18446744073709551615-18446744073709551615', 'e', 'last')
    await expect(stream.append(['no id is left for it'])).rejects.toThrow(/XADD|ID/)

    const entries = await stream.read(null, 10)
    expect(entries.map(({ payload }) => payload)).toEqual(['before', 'last'])
    const last = entries.at(-1)!.position
    expect(await stream.read(last, 10)).toEqual([])
    await stream.trim(last)
    expect(await stream.length()).toBe(0)

    await stream.append(['after'])
    expect((await stream.read(last, 10)).map(({ payload }) => payload)).toEqual(['after'])
    await stream.close()
  })

  test('when Redis hangs, calls reject in time', async () => {
    const stream = await open()
    server.pause()
    await Promise.all([
      expect(stream.append(['a'])).rejects.toThrow(ChannelUnavailable),
      expect(stream.read(null, 1)).rejects.toThrow(ChannelUnavailable),
      expect(stream.length()).rejects.toThrow(ChannelUnavailable),
    ])
    server.resume()
    await stream.close()
  }, 4_000)

  describe('that does not keep up', () => {
    const batch = (prefix: string, size: number) => Array.from({ length: size }, (_, n) => `${prefix} ${n}`)
    const refusal = (appended: Promise<void>) =>
      appended.then(
        () => undefined,
        (error: Error) => error.message,
      )

    test('refuses batches while an earlier one waits for a second, and takes them again afterwards', async () => {
      await clear()
      const stream = await open()
      server.pause()
      let isWaiting = true
      const first = refusal(stream.append(['first'])).finally(() => {
        isWaiting = false
      })
      await sleep(1_100)
      const second = await refusal(stream.append(['second']))
      const wasRefusedFirst = isWaiting
      server.resume()
      await first
      expect([second, wasRefusedFirst]).toEqual([expect.stringContaining('does not keep up'), true])
      await until('Redis takes batches', async () => (await refusal(stream.append(['after']))) === undefined)
      const payloads = (await stream.read(null, 100)).map(({ payload }) => payload)
      expect(payloads).not.toContain('second')
      expect(payloads).toContain('after')
      await stream.close()
    })

    test('lets at most 100,000 events wait', async () => {
      await clear()
      const stream = await open()
      server.pause()
      const waiting = Array.from({ length: 100 }, (_, n) => refusal(stream.append(batch(`${n}`, 1_000))))
      const further = await refusal(stream.append(['one more']))
      server.resume()
      expect(further).toContain('does not keep up')
      await Promise.all(waiting)
      expect((await stream.read(null, 200_000)).map(({ payload }) => payload)).not.toContain('one more')
      await stream.close()
    })
  })
})

describeWithRedis('The event stream over a Redis Cluster', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  const open = () => connectRedisEventStream({ url: cluster.url })
  const clear = async () => void (await Promise.all(cluster.servers.map(({ admin }) => admin.flushall())))
  describeEventStream('as every event stream', { open, clear })

  test('an event that was accepted before the stream moved to another server is read again after it', async () => {
    await clear()
    const stream = await open()
    await stream.append(['before'])
    const [{ position } = { position: '' }] = await stream.read(null, 10)
    const from = await cluster.primaryOf('{alkaid}')
    await cluster.moveSlot(await cluster.slotOf('{alkaid}'), cluster.servers.find((server) => server !== from)!)
    await stream.append(['after'])
    expect((await stream.read(position, 10)).map(({ payload }) => payload)).toEqual(['before', 'after'])
    await stream.close()
  })
})
