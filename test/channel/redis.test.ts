// What only a real server can do to the channel: stop, hang, forget, evict, refuse.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import type { Address, Channel, ChannelEvent } from '../../common/channel/channel.ts'
import { ChannelUnavailable } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const HOME = { app: 'demo', code: 'home' }

describeWithRedis('The channel when Redis fails', () => {
  let server: TestRedis
  let admin: Redis
  const open: Channel[] = []
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
  })
  afterEach(async () => {
    server.resume()
    await Promise.all(open.splice(0).map((channel) => channel.close()))
    await until('Redis is back', () =>
      admin.ping().then(
        () => true,
        () => false,
      ),
    )
    await admin.flushall()
    await admin.config('SET', 'notify-keyspace-events', '')
  })
  afterAll(async () => {
    admin.disconnect()
    await server.stop()
  })

  async function connect(log?: (event: ChannelEvent) => void): Promise<Channel> {
    const channel = await connectRedisChannel({ url: server.url, log })
    open.push(channel)
    return channel
  }

  async function listenTo(channel: Channel) {
    const heard = { changed: [] as Address[], interrupted: 0 }
    await channel.listen({ changed: (address) => heard.changed.push(address), interrupted: () => heard.interrupted++ })
    return heard
  }

  async function timed(call: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
    const began = performance.now()
    const error = await call.then(
      () => undefined,
      (reason) => reason,
    )
    return { error, ms: performance.now() - began }
  }

  async function bytesSent(): Promise<number> {
    return Number(/^total_net_output_bytes:(\d+)/m.exec(await admin.info('stats'))![1])
  }

  test('a document whose key was evicted can be written again, at the stamp that the manifest holds', async () => {
    const channel = await connect()
    await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')
    await channel.write('apps', { epoch: 1, revision: 7 }, 'list')
    await admin.del('{demo}:slot:home', '{alkaid}:apps')
    expect(await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')).toBe('written')
    expect(await channel.write('apps', { epoch: 1, revision: 7 }, 'list')).toBe('written')
    expect(await channel.read([HOME, 'apps'])).toEqual(['seven', 'list'])
    expect(await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')).toBe('not higher')
  })

  test('a lower document takes the place of an evicted one, and the manifest says so, so that it can heal', async () => {
    const channel = await connect()
    await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')
    await admin.del('{demo}:slot:home')
    expect(await channel.write(HOME, { epoch: 1, revision: 5 }, 'five')).toBe('written')
    expect(await channel.manifest('demo')).toEqual(new Map([['home', '1.5']]))
    expect(await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')).toBe('written')
  })

  test('a foreign key with the name of a manifest reads as empty, and the next write replaces it', async () => {
    const channel = await connect()
    await admin.set('{demo}:manifest', 'x')
    expect(await channel.manifest('demo')).toEqual(new Map())
    expect(await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')).toBe('written')
    expect(await channel.manifest('demo')).toEqual(new Map([['home', '1.7']]))
  })

  test('the line of a document that is not there is removed, and a document that came meanwhile stays', async () => {
    const channel = await connect()
    await admin.hset('{demo}:manifest', { phantom: '1.1', feed: '1.1' })
    expect(await channel.remove({ app: 'demo', code: 'phantom' }, null)).toBe('removed')
    await admin.set('{demo}:slot:feed', 'feed')
    expect(await channel.remove({ app: 'demo', code: 'feed' }, null)).toBe('changed')
    expect(await channel.manifest('demo')).toEqual(new Map([['feed', '1.1']]))
    const long = Buffer.alloc(5 * 1024 * 1024, 'x')
    await admin.set('{demo}:slot:feed', long)
    const [placeholder] = await channel.read([{ app: 'demo', code: 'feed' }])
    expect(await channel.remove({ app: 'demo', code: 'feed' }, placeholder!)).toBe('removed')
    expect(await admin.keys('{demo}*')).toEqual([])
  })

  test('fields of a manifest that are not codes are ignored', async () => {
    const channel = await connect()
    await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')
    await admin.hset('{demo}:manifest', 'Bad Code!', '1.1')
    expect(await channel.manifest('demo')).toEqual(new Map([['home', '1.7']]))
  })

  test.each([
    ['too long to be one', Buffer.alloc(50 * 1024 * 1024, 'x')],
    ['no text', Buffer.from([0xff, 0x00, 0xfe])],
  ])('what is in the place of a document and %s is read in short, and can be replaced', async (_what, bytes) => {
    const channel = await connect()
    await admin.set('{demo}:slot:home', bytes)
    await admin.set('{demo}:slot:feed', 'feed')
    const sentBefore = await bytesSent()
    const [home, feed, none] = await channel.read([HOME, { app: 'demo', code: 'feed' }, { app: 'demo', code: 'none' }])
    expect((await bytesSent()) - sentBefore).toBeLessThan(100_000)
    expect([feed, none]).toEqual(['feed', null])
    expect(home).toMatch(/^unreadable \d+ [0-9a-f]{40}$/)
    await admin.set('{demo}:slot:home', Buffer.concat([bytes, Buffer.from([0xff])]))
    expect(await channel.replace(HOME, home!, { epoch: 1, revision: 7 }, 'seven')).toBe('changed')
    await admin.set('{demo}:slot:home', bytes)
    expect(await channel.replace(HOME, home!, { epoch: 1, revision: 7 }, 'seven')).toBe('written')
    expect(await channel.read([HOME])).toEqual(['seven'])
  })

  test('long documents are all read, with at most a few in one answer', async () => {
    const channel = await connect()
    const addresses = Array.from({ length: 9 }, (_, at) => ({ app: 'demo', code: `long-${at}` }))
    for (const [at, { code }] of addresses.entries()) {
      await admin.set(`{demo}:slot:${code}`, `${at}${'x'.repeat(1_500_000)}`)
    }
    const texts = await channel.read([...addresses, { app: 'demo', code: 'none' }])
    expect(texts.map((text) => text?.[0])).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', undefined])
  })

  test('a manifest of many lines is read completely', async () => {
    const channel = await connect()
    const lines = Array.from({ length: 5_000 }, (_, at): [string, string] => [`slot-${at}`, `1.${at + 1}`])
    await admin.hset('{demo}:manifest', new Map(lines))
    expect(await channel.manifest('demo')).toEqual(new Map(lines))
  })

  test.each(['gone', 'gibberish'])('a document whose manifest line is %s can be written again', async (line) => {
    const channel = await connect()
    await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')
    if (line === 'gone') await admin.del('{demo}:manifest')
    else await admin.hset('{demo}:manifest', 'home', line)
    expect(await channel.write(HOME, { epoch: 1, revision: 7 }, 'seven')).toBe('written')
    expect(await channel.manifest('demo')).toEqual(new Map([['home', '1.7']]))
  })

  test('a forgotten script is sent again', async () => {
    const channel = await connect()
    await channel.write(HOME, { epoch: 1, revision: 1 }, 'one')
    await admin.script('FLUSH')
    expect(await channel.write(HOME, { epoch: 1, revision: 2 }, 'two')).toBe('written')
  })

  test('a node whose heartbeat expired leaves the index', async () => {
    const channel = await connect()
    const beat = { at: Date.now(), ready: true, digests: {}, changed: {} }
    await channel.beat({ node: 'a', ...beat })
    await channel.beat({ node: 'b', ...beat })
    expect(await admin.pttl('{alkaid}:node:a')).toBeGreaterThan(0)
    await admin.del('{alkaid}:node:a')
    expect((await channel.heartbeats(60_000)).map(({ node }) => node)).toEqual(['b'])
    expect(await admin.smembers('{alkaid}:nodes')).toEqual(['b'])
  })

  test('a foreign key with the name of the index of nodes does not hide any node', async () => {
    const channel = await connect()
    await admin.set('{alkaid}:nodes', 'something else')
    expect(await channel.heartbeats(60_000)).toEqual([])
    await channel.beat({ node: 'a', at: Date.now(), ready: true, digests: {}, changed: {} })
    expect((await channel.heartbeats(60_000)).map(({ node }) => node)).toEqual(['a'])
  })

  test('a heartbeat that cannot be read is left out and logged', async () => {
    const events: ChannelEvent[] = []
    const channel = await connect((event) => events.push(event))
    await admin.set('{alkaid}:node:odd', '{"node":1}')
    await admin.sadd('{alkaid}:nodes', 'odd')
    expect(await channel.heartbeats(60_000)).toEqual([])
    await channel.heartbeats(60_000)
    expect(events.map(({ kind }) => kind).filter((kind) => kind === 'heartbeat-unreadable')).toHaveLength(1)
  })

  test.each(['', 'Ex', 'KA', 'gK'])('notify-keyspace-events gets what is needed and keeps %j', async (before) => {
    await admin.config('SET', 'notify-keyspace-events', before)
    await connect()
    const [, after = ''] = (await admin.config('GET', 'notify-keyspace-events')) as string[]
    for (const flag of before) expect(after).toContain(flag)
    expect(after).toMatch(/K/)
    expect(after).toMatch(/[$A]/)
  })

  test('keys that only look like documents are not notified', async () => {
    const heard = await listenTo(await connect())
    for (const key of ['{demo}:slot:A', '{a}:slot:b:app', '{}:app', '{demo}:slot:', '{alkaid}:apps2']) {
      await admin.set(key, 'x')
    }
    await admin.set('{demo}:slot:home', 'x')
    await until('the real one is heard', () => heard.changed.length > 0)
    expect(heard.changed).toEqual([HOME])
  })

  test('after a restart of Redis a listener is told of the interruption, and then of changes', async () => {
    const channel = await connect()
    const heard = await listenTo(channel)
    await server.restart()
    await until('the interruption is told', () => heard.interrupted === 1)
    await until('a write goes through', () =>
      channel.write(HOME, { epoch: 1, revision: 1 }, 'x').then(
        () => true,
        () => false,
      ),
    )
    await until('the write is heard', () => heard.changed.length > 0)
    expect(heard).toEqual({ changed: [HOME], interrupted: 1 })
    expect(await admin.config('GET', 'notify-keyspace-events')).toEqual(['notify-keyspace-events', '$K'])
  })

  test('closing a channel while somebody begins to listen leaves no connection open', async () => {
    const channel = await connect()
    const listening = channel.listen({ changed: () => {}, interrupted: () => {} })
    await Promise.all([channel.close(), expect(listening).rejects.toThrow(ChannelUnavailable)])
    const clients = (await admin.client('LIST')) as string
    expect(clients.trim().split('\n')).toHaveLength(1) // our own
  })

  test('a listener whose connection was killed is told, although the others never noticed', async () => {
    const heard = await listenTo(await connect())
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('the interruption is told', () => heard.interrupted === 1)
  })

  test('when Redis hangs, every call rejects in time, and works again when it goes on', async () => {
    const channel = await connect()
    await channel.write(HOME, { epoch: 1, revision: 1 }, 'one')
    const heard = await listenTo(channel)
    server.pause()
    const outcomes = await Promise.all([
      timed(channel.write(HOME, { epoch: 1, revision: 2 }, 'two')),
      timed(channel.read([HOME])),
      timed(channel.manifest('demo')),
      timed(channel.beat({ node: 'a', at: 0, ready: true, digests: {}, changed: {} })),
      timed(channel.heartbeats(1_000)),
      timed(channel.listen({ changed: () => {}, interrupted: () => {} })),
    ])
    const later = await timed(channel.read([HOME])) // by now it is reconnecting
    for (const { error, ms } of [...outcomes, later]) {
      expect(error).toBeInstanceOf(ChannelUnavailable)
      expect(ms).toBeLessThan(4_000)
    }
    await sleep(1_500) // longer silence than the listener bears
    server.resume()
    await until('it reads again', () =>
      channel.read([HOME]).then(
        () => true,
        () => false,
      ),
    )
    await until('the silence counts as an interruption', () => heard.interrupted > 0)
  }, 20_000)

  test('a channel closes even when Redis hangs', async () => {
    const channel = await connect()
    await listenTo(channel)
    server.pause()
    await channel.close()
  }, 4_000)
})
