// Connecting to Redis: what is accepted, what is refused, and what is said about it.

import { afterEach, describe, expect, test } from '@jest/globals'
import type { ChannelEvent } from '../../common/channel/channel.ts'
import { ChannelUnavailable } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { nameOf, parseRedisUrl } from '../../common/channel/redis-url.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

describe('A Redis URL', () => {
  test('gives host, port, database and credentials, and TLS by its scheme', () => {
    const local = { kind: 'single', host: '127.0.0.1', port: 6379, tls: false, db: 0 }
    expect(parseRedisUrl('redis://127.0.0.1')).toEqual(local)
    expect(parseRedisUrl('rediss://ops:p%40ss@[::1]:7000/2')).toEqual({
      ...{ kind: 'single', host: '::1', port: 7000, tls: true, db: 2 },
      ...{ username: 'ops', password: 'p@ss' },
    })
    expect(parseRedisUrl('redis://:secret@cache').password).toBe('secret')
  })

  test('names Sentinels with the group that they watch, or nodes of a Cluster', () => {
    const login = { tls: false, db: 0, username: 'ops', password: 'p:ss' }
    const group = parseRedisUrl('redis+sentinel://ops:p%3Ass@s1,s2:26380/main')
    const sentinels = [
      { host: 's1', port: 26_379 },
      { host: 's2', port: 26_380 },
    ]
    expect(group).toEqual({ kind: 'sentinel', sentinels, group: 'main', ...login })
    expect(nameOf(group)).toBe('Redis group main of the Sentinels at s1:26379, s2:26380')
    expect(parseRedisUrl('rediss+sentinel://s1/main/4')).toMatchObject({ group: 'main', db: 4, tls: true })
    const cluster = parseRedisUrl('rediss+cluster://:secret@n1:7000,[::1]:7001,n3')
    const nodes = [
      { host: 'n1', port: 7000 },
      { host: '::1', port: 7001 },
      { host: 'n3', port: 6379 },
    ]
    expect(cluster).toMatchObject({ kind: 'cluster', nodes, tls: true, password: 'secret' })
    expect(nameOf(cluster)).not.toContain('secret')
  })

  test.each([
    ['redis+sentinel://s1:26379', 'name of the group'],
    ['redis+sentinel://s1:26379/main/0/1', 'name of the group'],
    ['redis+sentinel://s1:port/main', 'expected host:port'],
    ['redis+cluster://n1:6379/3', 'takes no database'],
    ['redis+cluster://n1:66379', 'expected host:port'],
    ['redis://a:6379,b:6379', 'names one host'],
    ['redis+ring://n1:6379', 'redis+cluster://, not redis+ring:'],
    ['http://127.0.0.1', 'redis:// or rediss://'],
    ['redis://ops:%ZZ@127.0.0.1', 'begins no character'],
    ['redis://127.0.0.1?maxRetriesPerRequest=', 'no query'],
    ['redis://127.0.0.1/one', 'number of a database'],
    ['redis://ops@127.0.0.1', 'no password'],
    ['nonsense', 'not a URL'],
  ])('such as %s is refused, saying why', async (url, why) => {
    await expect(connectRedisChannel({ url })).rejects.toThrow(why)
  })
})

describeWithRedis('Connecting the channel', () => {
  let server: TestRedis | undefined
  afterEach(() => server?.stop())

  test('rejects within about five seconds when there is no Redis, without telling the password, and when Redis hangs', async () => {
    const [absent, hanging] = await Promise.all([startRedis(), startRedis()])
    await absent.stop()
    hanging.pause()
    server = hanging
    const url = absent.url.replace('://', '://:hidden-secret@')
    const [error, whenHanging] = await Promise.all(
      [url, hanging.url].map((one) => connectRedisChannel({ url: one }).catch((reason) => reason)),
    )
    expect(error).toBeInstanceOf(ChannelUnavailable)
    expect(error.message).toContain(`127.0.0.1:${absent.port}`)
    expect(error.message).toContain('ECONNREFUSED')
    expect(Object.values(error).join() + error.stack).not.toContain('hidden-secret')
    expect(whenHanging).toBeInstanceOf(ChannelUnavailable)
  }, 7_000)

  test('waits for a Redis that starts a moment later', async () => {
    server = await startRedis()
    server.pause()
    const connecting = connectRedisChannel({ url: server.url })
    setTimeout(() => server!.resume(), 300)
    await (await connecting).close()
  })

  test('uses the password, and rejects at once when it is wrong', async () => {
    server = await startRedis(['--requirepass', 'right'])
    const channel = await connectRedisChannel({ url: server.url.replace('://', '://:right@') })
    expect(await channel.read(['apps'])).toEqual([null])
    await channel.close()
    const wrong = connectRedisChannel({ url: server.url.replace('://', '://:wrong-one@') })
    await expect(wrong).rejects.toThrow('WRONGPASS')
    await expect(connectRedisChannel({ url: server.url })).rejects.toThrow('NOAUTH')
  }, 3_000)

  test('warns once where CONFIG is forbidden, and hears of changes if Redis was told to tell', async () => {
    server = await startRedis(['--rename-command', 'CONFIG', '', '--notify-keyspace-events', 'K$'])
    const events: ChannelEvent[] = []
    const channel = await connectRedisChannel({ url: server.url, log: (event) => events.push(event) })
    let changes = 0
    let interruptions = 0
    await channel.listen({ changed: () => changes++, interrupted: () => interruptions++ })
    await channel.write('apps', { epoch: 1, revision: 1 }, 'x')
    await until('the change is heard', () => changes === 1)
    await server.restart()
    await until('the interruption is told', () => interruptions === 1)
    const warnings = events.filter(({ kind }) => kind === 'notifications-refused')
    expect(warnings).toHaveLength(1)
    expect(warnings[0]!.message).toContain('K$')
    await channel.close()
  })
})
