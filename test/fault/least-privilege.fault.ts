// Every operation of the graph, on separate processes whose rights are those of deploy/: each service has its own Redis user. The
// embedded server has no users. So the commands that each service sent to it are compared with its role.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { connectRedisEventStream } from '../../common/channel/redis-event-stream.ts'
import { testEveryOperation } from '../support/every-operation.ts'
import { describeWithRedis, startRedis } from '../support/redis.ts'
import { type Installation, startInstallation } from './support/installation.ts'

const redisConf = readFileSync(new URL('../../deploy/redis/alkaid.conf', import.meta.url), 'utf8')
const roles: Record<string, Record<string, string[]>> = JSON.parse(
  readFileSync(new URL('../../deploy/mongodb/roles.json', import.meta.url), 'utf8'),
)
const REDIS_USERS = ['schedule', 'delivery', 'stats', 'distribution']

/** Command -> the actions of MongoDB that it needs (https://www.mongodb.com/docs/manual/reference/privilege-actions/). */
const ACTIONS_OF: Record<string, readonly string[]> = {
  find: ['find'],
  getMore: ['find'],
  aggregate: ['find'],
  count: ['find'],
  insert: ['insert'],
  update: ['update'],
  delete: ['remove'],
  findAndModify: ['find', 'update'],
  createIndexes: ['createIndex'],
}

describeWithRedis('With no more rights than deploy/ gives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'alkaid-least-'))
  let alkaid: Installation
  const connect = (user: string) => {
    const redis = new Redis(alkaid.redis.port, '127.0.0.1', {
      username: user,
      password: `change-me-${user}`,
      lazyConnect: true,
    })
    return redis
  }

  beforeAll(async () => {
    const conf = join(folder, 'alkaid.conf')
    writeFileSync(conf, `${redisConf}\nuser admin on >change-me-admin allkeys allchannels allcommands\n`)
    alkaid = await startInstallation({
      nodes: 2,
      redisFlags: ['--include', conf],
      envOf(name, { redisUrl }): Record<string, string> {
        const user = REDIS_USERS.find((one) => name === one || name.startsWith(`${one}-`))
        return user ? { REDIS_URL: redisUrl.replace('//', `//${user}:change-me-${user}@`) } : {}
      },
    })
  }, 120_000)
  afterAll(async () => {
    await alkaid?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  describe('every operation works:', () => {
    testEveryOperation(async () => ({
      gatewayUrl: alkaid.get('gateway').url,
      distributionUrl: alkaid.get('distribution').url,
      tokens: alkaid.tokens,
      clients: alkaid.clients,
      stop: async () => {},
    }))
  })

  test('Redis refused nothing to any service', async () => {
    const admin = connect('admin')
    const refusals = (await admin.call('ACL', 'LOG')) as unknown[][]
    admin.disconnect()
    expect(refusals).toEqual([])
  })

  test('no service sent MongoDB a command that its role does not allow', async () => {
    for (const { name, service, metricsUrl } of alkaid.all()) {
      const beyond = (await sentCommands(metricsUrl)).filter(
        ({ command, collection }) => !isAllowed(roles[service], command, collection),
      )
      expect({ name, beyond }).toEqual({ name, beyond: [] })
    }
  })

  test('no role has a right on a collection that its service never uses', async () => {
    const unused = async () => {
      const found: string[] = []
      for (const [service, rights] of Object.entries(roles)) {
        const used = new Set((await sentCommands(alkaid.get(service).metricsUrl)).map(({ collection }) => collection))
        for (const collection of Object.keys(rights)) if (!used.has(collection)) found.push(`${service} ${collection}`)
      }
      return found
    }
    // Some are used only in rounds of the background, such as those of delivery's reconciliation.
    const deadline = Date.now() + 30_000
    while ((await unused()).length > 0 && Date.now() < deadline) await sleep(500)
    expect(await unused()).toEqual([])
  }, 60_000)

  test('a node can write nothing but its heartbeat', async () => {
    const node = connect('distribution')
    await expect(node.set('{demo}:slot:home.banner', 'forged')).rejects.toThrow('NOPERM')
    await expect(node.hset('{demo}:manifest', 'home.banner', '9.9')).rejects.toThrow('NOPERM')
    await expect(node.del('{demo}:app')).rejects.toThrow('NOPERM')
    await expect(node.eval("return redis.call('SET', KEYS[1], 'forged')", 1, '{demo}:app')).rejects.toThrow(
      /can't access at least one of the keys/,
    )
    await expect(node.xadd('{alkaid}:events', '*', 'e', '{}')).rejects.toThrow('NOPERM')
    await expect(node.config('SET', 'notify-keyspace-events', '')).rejects.toThrow('NOPERM')
    await expect(node.flushall()).rejects.toThrow('NOPERM')
    expect(await node.set('{alkaid}:node:least-privilege', '{}', 'PX', 1_000)).toBe('OK')
    node.disconnect()
  })

  test('stats reads no publications, schedule writes none, and neither delivery nor a node reads events', async () => {
    const [stats, schedule, delivery, node] = ['stats', 'schedule', 'delivery', 'distribution'].map(connect) as [
      Redis,
      Redis,
      Redis,
      Redis,
    ]
    await expect(stats.get('{demo}:slot:home.banner')).rejects.toThrow('NOPERM')
    await expect(stats.hgetall('{demo}:manifest')).rejects.toThrow('NOPERM')
    await expect(schedule.set('{demo}:slot:home.banner', 'forged')).rejects.toThrow('NOPERM')
    await expect(schedule.xlen('{alkaid}:events')).rejects.toThrow('NOPERM')
    await expect(delivery.xlen('{alkaid}:events')).rejects.toThrow('NOPERM')
    await expect(node.xlen('{alkaid}:events')).rejects.toThrow('NOPERM')
    for (const redis of [stats, schedule, delivery, node]) redis.disconnect()
  })

  test('nobody may use Redis without a user', async () => {
    const nobody = new Redis(alkaid.redis.port, '127.0.0.1', { lazyConnect: true, maxRetriesPerRequest: 0 })
    nobody.on('error', () => {})
    await expect(nobody.get('{demo}:app')).rejects.toThrow('NOAUTH')
    nobody.disconnect()
  })

  test('a Redis that was killed still has the events that it had accepted', async () => {
    const own = mkdtempSync(join(tmpdir(), 'alkaid-aof-'))
    const conf = join(own, 'alkaid.conf')
    writeFileSync(conf, redisConf)
    const redis = await startRedis(['--include', conf, '--appendfsync', 'always'])
    const url = redis.url.replace('//', '//stats:change-me-stats@')
    const before = await connectRedisEventStream({ url })
    await before.append(['a', 'b'])
    await before.close()
    await redis.restart()
    const after = await connectRedisEventStream({ url })
    expect((await after.read(null, 10)).map(({ payload }) => payload)).toEqual(['a', 'b'])
    await after.close()
    await redis.stop()
    rmSync(own, { recursive: true, force: true })
  })

  test('no role may change the change log or a revision, and a node has no role', () => {
    const neverChanged = ['changes', 'scheduleRevisions', 'creativeRevisions', 'strategyRevisions', 'segmentRevisions']
    const forbidden = Object.entries(roles).flatMap(([service, rights]) =>
      neverChanged
        .filter((collection) => rights[collection]?.some((action) => action === 'update' || action === 'remove'))
        .map((collection) => `${service} ${collection}`),
    )
    expect(forbidden).toEqual([])
    expect(Object.keys(roles)).not.toContain('distribution')
  })
})

function isAllowed(rights: Record<string, string[]> | undefined, command: string, collection: string): boolean {
  const needed = ACTIONS_OF[command] ?? [`unknown command ${command}`]
  return needed.every((action) => rights?.[collection]?.includes(action))
}

/** What a service sent to the store since its start, by its metrics. Commands without a collection (ping, commitTransaction) need no right. */
async function sentCommands(metricsUrl: string): Promise<{ command: string; collection: string }[]> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text()
  const lines = text.matchAll(/^alkaid_store_command_duration_seconds_count\{(.*)\} \d+$/gm)
  return [...lines].flatMap(([, labels = '']) => {
    const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
    const [command, collection] = [label('command'), label('collection')]
    return collection === '' ? [] : [{ command, collection }]
  })
}
