// Invariant 3: with Redis gone, nodes give the same bytes and no error. Four nodes with a Redis each lose it at the same time, each in
// another way, and answer a load at a constant rate. FAULT_SECONDS says for how long.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, type Service, startInstallation } from './support/installation.ts'
import { OUTAGE_SECONDS, pick, seededRandom } from './support/seed.ts'
import { askSlots, type SlotAnswer, type SlotLoad, type SlotQuery, startSlotLoad } from './support/slot-load.ts'
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.ts'

const SLOTS = 6
const USERS = 20
/** To each node. */
const PER_SECOND = 60

type Site = { redis: TestRedis; proxy: TcpProxy; node: Service; load?: SlotLoad }

/** How Redis goes, and how it comes back with what it had. */
const OUTAGES: Record<string, { begin(site: Site): unknown; end(site: Site): Promise<unknown> }> = {
  'is killed': {
    begin: ({ redis }) => redis.kill(),
    async end({ redis }) {
      await redis.restart()
      await fill(redis)
    },
  },
  'is frozen': { begin: ({ redis }) => redis.pause(), end: async ({ redis }) => redis.resume() },
  'is emptied': {
    begin: ({ redis }) => inRedis(redis, (client) => client.flushall()),
    end: ({ redis }) => fill(redis),
  },
  'is behind a black hole': { begin: ({ proxy }) => proxy.blackHole(), end: async ({ proxy }) => proxy.heal() },
}

/** Every key of the Redis that delivery wrote to, as Redis dumps it. */
let dump: [key: string, value: Buffer][]

async function inRedis<T>({ url }: { url: string }, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

function fill(redis: TestRedis): Promise<void> {
  return inRedis(redis, async (client) => {
    for (const [key, value] of dump) await client.restore(key, 0, value, 'REPLACE')
  })
}

describeWithRedis('Nodes that lose their Redis', () => {
  const { random } = seededRandom('redis-gone')
  const sites = new Map<string, Site>()
  let alkaid: Installation
  let queries: SlotQuery[]
  /** Query -> the body of the answer before the outage. */
  let expected: Map<SlotQuery, string>

  beforeAll(async () => {
    alkaid = await startInstallation()
    const app = await makeApp(alkaid, 'shop')
    const slots = await Promise.all(
      Array.from({ length: SLOTS }, (_, at) => makeCountingSlot(alkaid, app, `slot-${at}`, 4)),
    )
    dump = await inRedis(alkaid.redis, async (client) => {
      const keys = await client.keys('{*}:*')
      const documents = keys.filter((key) => !key.startsWith('{alkaid}:node') && !key.startsWith('{alkaid}:events'))
      return Promise.all(documents.map(async (key) => [key, (await client.dumpBuffer(key))!] as [string, Buffer]))
    })
    // Only nodes are needed from here on. Without delivery, nobody writes again what an emptied Redis lacks.
    await Promise.all(alkaid.all().map((service) => service.kill()))
    for (const [at, outage] of Object.keys(OUTAGES).entries()) {
      const redis = await startRedis()
      await fill(redis)
      const proxy = await startTcpProxy(redis.port)
      const node = await alkaid.add(`node-${at}`, 'distribution', { REDIS_URL: `redis://127.0.0.1:${proxy.port}` })
      sites.set(outage, { redis, proxy, node })
      await node.start()
    }
    queries = Array.from({ length: USERS }, (_, user) => ({
      ...slots[0]!.query,
      slots: [...new Set([0, 1, 2].map(() => pick(random, slots).query.slots[0]!))],
      userId: `user-${user}`,
    }))
    const { node } = [...sites.values()][0]!
    expected = new Map()
    for (const query of queries) expected.set(query, (await askSlots(node.url, query)).body)
  })
  afterAll(async () => {
    for (const { redis, proxy, load } of sites.values()) {
      await load?.stop()
      await proxy.stop()
      await redis.stop()
    }
    await alkaid?.stop()
  })

  const check = ({ status, body }: SlotAnswer, query: SlotQuery) =>
    status === 200 && body === expected.get(query) ? undefined : `${status} ${body}`

  test('give the same bytes and no error for as long as it lasts, and are in step again afterwards', async () => {
    for (const site of sites.values()) {
      site.load = startSlotLoad({ urls: () => [site.node.url], perSecond: PER_SECOND, queries, check })
    }
    await Promise.all([...sites].map(([outage, site]) => OUTAGES[outage]!.begin(site)))
    await sleep(OUTAGE_SECONDS * 1000)
    await Promise.all([...sites].map(([outage, site]) => OUTAGES[outage]!.end(site)))
    for (const [outage, { node }] of sites) {
      await until(`the node whose Redis ${outage} is in step again`, () => isInStep(node), { within: 20_000 })
    }
    for (const [outage, { load }] of sites) {
      const { sent, failures, latency } = await load!.stop()
      process.stderr.write(
        `redis-gone: Redis ${outage}: ${sent} answers, p50 ${latency(0.5).toFixed(1)}, p99 ${latency(0.99).toFixed(1)} ms\n`,
      )
      expect({ outage, failures }).toEqual({ outage, failures: [] })
      expect(sent).toBeGreaterThanOrEqual(Math.floor(OUTAGE_SECONDS * PER_SECOND * 0.9))
    }
  }, 300_000)
})

/** Whether it has compared its table with Redis just now, and has everything. */
async function isInStep({ url }: Service): Promise<boolean> {
  const { channel } = (await (await fetch(`${url}/readyz`)).json()) as { channel: { stalenessMs: number | null } }
  return channel.stalenessMs !== null && channel.stalenessMs < 5_000
}
