// Attacks through the stores: somebody else writes to Redis, takes rights away, or speaks to the database in another language. Nodes go
// on with what they have, and delivery writes again what was damaged.

import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Address } from '../../../engine/publication/address.ts'
import { deriveSigningKeys, openAt, seal } from '../../../engine/publication/sign.ts'
import type { ChannelDocument, Publication } from '../../../engine/publication/types.ts'
import { describeWithRedis } from '../../support/redis.ts'
import { until } from '../../support/until.ts'
import { type Attack, testAttacks, type World } from '../support/attacks.ts'
import { signingKeys } from '../support/installation.ts'

const SLOT = '{shop}:slot:home.banner'
const SETTINGS = '{shop}:app'
const MANIFEST = '{shop}:manifest'
const APPS = '{alkaid}:apps'
const ADDRESS_OF: Record<string, Address> = {
  [SLOT]: { app: 'shop', code: 'home.banner' },
  [SETTINGS]: { app: 'shop', code: '@app' },
  [APPS]: 'apps',
}
const stranger = deriveSigningKeys('the signing secret of somebody else, long')
/** A round of delivery's reconciliation comes every few seconds. */
const HEALED_MS = 30_000

async function withRedis<T>({ alkaid }: World, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(alkaid.redis.url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

function read(key: string, text: string | null): ChannelDocument | undefined {
  if (text === null) return undefined
  const opened = openAt(signingKeys, ADDRESS_OF[key]!, text)
  return 'error' in opened ? undefined : opened
}

async function untilHealed(redis: Redis, key: string, before: ChannelDocument): Promise<{ healed: true }> {
  const isHealed = async () => {
    const now = read(key, await redis.get(key).catch(() => null))
    return now !== undefined && now.epoch === before.epoch && now.revision >= before.revision
  }
  await until(`${key} is whole again`, isHealed, { within: HEALED_MS })
  return { healed: true }
}

/** Changes one document, and expects that it is whole again within seconds. */
const damage = (
  title: string,
  key: string,
  change: (redis: Redis, before: ChannelDocument) => Promise<unknown>,
): Attack => ({
  title,
  run: (world) =>
    withRedis(world, async (redis) => {
      const before = read(key, await redis.get(key))!
      await change(redis, before)
      return untilHealed(redis, key, before)
    }),
  expected: { healed: true },
})

const documents: Attack[] = [
  damage('a publication that is no JSON', SLOT, (redis) => redis.set(SLOT, 'garbage')),
  damage('a publication without a signature', SLOT, (redis, before) => redis.set(SLOT, JSON.stringify(before))),
  damage('a publication that a stranger signed', SLOT, (redis, before) =>
    redis.set(SLOT, seal(stranger, { ...before, revision: 1_000_000 })),
  ),
  damage('a publication of another app', SLOT, async (redis) =>
    redis.set(SLOT, (await redis.get('{bank}:slot:home.banner'))!),
  ),
  damage('an older publication', SLOT, (redis, before) =>
    redis.set(SLOT, seal(signingKeys, { ...(before as Publication), epoch: before.epoch - 1, entries: [] })),
  ),
  damage('a publication of 5 MB', SLOT, (redis) => redis.set(SLOT, 'x'.repeat(5_000_000))),
  damage('a publication of 100 MB', SLOT, (redis) => redis.setrange(SLOT, 100_000_000, 'x')),
  damage('a publication that is not UTF-8', SLOT, (redis) => redis.set(SLOT, Buffer.from([0xff, 0xfe, 0x00, 0x80]))),
  damage('a publication that is cut off', SLOT, async (redis) =>
    redis.set(SLOT, (await redis.get(SLOT))!.slice(0, -20)),
  ),
  damage('a publication with one other bit', SLOT, async (redis) =>
    redis.set(SLOT, (await redis.get(SLOT))!.replace('"Sale"', '"Sald"')),
  ),
  damage('a publication that was deleted', SLOT, (redis) => redis.del(SLOT)),
  damage('settings that a stranger signed', SETTINGS, (redis, before) =>
    redis.set(SETTINGS, seal(stranger, { ...before, revision: 1_000_000 })),
  ),
  {
    title: 'settings that were deleted, while nodes hold them',
    run: (world) =>
      withRedis(world, async (redis) => {
        const kept = (await redis.get(SETTINGS))!
        await redis.del(SETTINGS)
        await sleep(1_000)
        await redis.set(SETTINGS, kept) // delivery would write them again in its next full round, within a minute
        return {}
      }),
    expected: {},
  },
  damage('a list of apps that is no JSON', APPS, (redis) => redis.set(APPS, '[]')),
  damage('a list of apps that a stranger signed', APPS, (redis, before) =>
    redis.set(APPS, seal(stranger, { ...before, revision: 1_000_000, apps: [] } as never)),
  ),
  damage('a manifest that was deleted', SLOT, (redis) => redis.del(MANIFEST)),
  damage('a manifest that is a text', SLOT, async (redis) => {
    await redis.set(MANIFEST, 'x')
    await until('the manifest is one again', async () => (await redis.type(MANIFEST)) === 'hash', { within: HEALED_MS })
  }),
  damage('lines of a manifest that are no stamps', SLOT, (redis) =>
    redis.hset(MANIFEST, 'home.banner', 'gibberish', '@app', '-1.x', '../../x', '1.1'),
  ),
  damage('an emptied Redis', SLOT, (redis) => redis.flushall()),
]

const keys: Attack[] = [
  {
    title: 'heartbeats that nobody can read, and of nodes that are not there',
    run: (world) =>
      withRedis(world, async (redis) => {
        await redis.set('{alkaid}:node:evil', '{"node": {"$gt": ""}}')
        await redis.set('{alkaid}:node:huge', 'x'.repeat(1_000_000))
        await redis.sadd(
          '{alkaid}:nodes',
          'evil',
          'huge',
          '../../x',
          ...Array.from({ length: 2_000 }, (_, n) => `ghost-${n}`),
        )
        await until('the ghosts are gone', async () => (await redis.scard('{alkaid}:nodes')) < 10, {
          within: HEALED_MS,
        })
        await redis.del('{alkaid}:node:evil', '{alkaid}:node:huge')
        return {}
      }),
    expected: {},
  },
  {
    title: 'an index of nodes that is a text',
    run: (world) =>
      withRedis(world, async (redis) => {
        await redis.set('{alkaid}:nodes', 'x')
        await until('the index is one again', async () => (await redis.type('{alkaid}:nodes')) === 'set', {
          within: HEALED_MS,
        })
        return {}
      }),
    expected: {},
  },
  {
    title: 'entries of a stranger in the event stream are set aside, and later events count',
    run: (world) =>
      withRedis(world, async (redis) => {
        await redis.xadd('{alkaid}:events', '*', 'e', 'garbage')
        await redis.xadd('{alkaid}:events', '*', 'other', '{"$where": "1"}')
        await redis.xadd('{alkaid}:events', '*', 'e', 'x'.repeat(1_000_000))
        await until('the stream is read', async () => (await redis.xlen('{alkaid}:events')) === 0, {
          within: HEALED_MS,
        })
        return {}
      }),
    expected: {},
  },
  {
    title: 'an event stream that is a text',
    async run(world) {
      await withRedis(world, (redis) => redis.set('{alkaid}:events', 'x'))
      const { shop, graph } = world
      const source = `{slot: "${shop.slot}", schedule: "${shop.schedule}", creative: "${shop.creative}"}`
      const events = `[{id: "after-text", type: CLICK, at: "2026-01-01T00:00:00Z", source: ${source}}]`
      const { text } = await graph(`mutation { recordEvents(input: {app: "shop", events: ${events}}) { accepted } }`)
      return JSON.parse(text).data.recordEvents
    },
    expected: { accepted: 1 },
  },
]

/** Stops the slot of the other app, and starts it again: two publications. Resolves to what the first said of its distribution. */
async function publishSomething({ alkaid, bank }: World): Promise<{ state: string; warning: string | null }> {
  const { publisher, viewer } = alkaid.clients
  const version = async () =>
    (await viewer('query ($id: ID!) { slot(id: $id) { version } }', { id: bank.slot })).slot.version
  const DISTRIBUTION = 'distribution { state warning }'
  const stopped = await publisher(`mutation ($input: StopSlotInput!) { stopSlot(input: $input) { ${DISTRIBUTION} } }`, {
    input: { slot: bank.slot, expectedVersion: await version() },
  })
  await publisher('mutation ($input: RestartSlotInput!) { restartSlot(input: $input) { id } }', {
    input: { slot: bank.slot, expectedVersion: await version() },
  })
  return stopped.stopSlot.distribution
}

/** Redis refuses writes for a while. A publish succeeds, says so, and reaches the nodes once Redis takes writes again. */
const refusal = (
  title: string,
  begin: (redis: Redis) => Promise<unknown>,
  end: (redis: Redis) => Promise<unknown>,
): Attack => ({
  title,
  run: (world) =>
    withRedis(world, async (redis) => {
      await begin(redis)
      let during: Awaited<ReturnType<typeof publishSomething>>
      try {
        during = await publishSomething(world)
      } finally {
        await end(redis)
      }
      await until(
        'publishing is in step again',
        async () => {
          await publishSomething(world)
          await sleep(500)
          return (await publishSomething(world)).warning === null
        },
        { within: HEALED_MS },
      )
      return { during: during.state, warned: during.warning !== null }
    }),
  expected: { during: 'PENDING', warned: true },
  writes: true,
})

const rights: Attack[] = [
  refusal(
    'a Redis that takes the right to write away (NOPERM)',
    (redis) => redis.call('ACL', 'SETUSER', 'default', '-set'),
    (redis) => redis.call('ACL', 'SETUSER', 'default', '+set'),
  ),
  refusal(
    'a Redis that became a replica (READONLY)',
    (redis) => redis.replicaof('127.0.0.1', 1),
    (redis) => redis.replicaof('NO', 'ONE'),
  ),
  refusal(
    'a Redis without memory (OOM)',
    (redis) => redis.config('SET', 'maxmemory', '1'),
    (redis) => redis.config('SET', 'maxmemory', '0'),
  ),
  {
    title: 'a Redis that stops to send notifications',
    run: (world) =>
      withRedis(world, async (redis) => {
        await redis.config('SET', 'notify-keyspace-events', '')
        await publishSomething(world)
        await until('the nodes are in step', async () => (await publishSomething(world)).state !== undefined, {
          within: HEALED_MS,
        })
        await redis.config('SET', 'notify-keyspace-events', 'K$')
        return {}
      }),
    expected: {},
    writes: true,
  },
  {
    title: 'connections that are killed again and again',
    run: (world) =>
      withRedis(world, async (redis) => {
        for (let round = 0; round < 10; round += 1) {
          await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
          await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
          await sleep(100)
        }
        return {}
      }),
    expected: {},
  },
]

/** Bytes to the port of the database, which must not hurt anybody else. */
const toDatabase = (title: string, send: () => Buffer): Attack => ({
  title,
  async run({ alkaid }) {
    const socket = connect(addressIn(alkaid.database.uri))
    socket.on('error', () => {}) // it is reset: that is an answer, too
    const closed = once(socket, 'close')
    socket.write(send())
    await Promise.race([closed, sleep(1_000)])
    socket.destroy()
    return {}
  },
  expected: {},
})

/** A host with a port, or the socket of the embedded server: its path is percent-encoded. */
function addressIn(uri: string): { path: string } | { host: string; port: number } {
  const address = /^mongodb:\/\/([^/,]+)/.exec(uri)![1]!
  if (address.endsWith('.sock')) return { path: decodeURIComponent(address) }
  const [host, port] = address.split(':')
  return { host: host!, port: Number(port) }
}

function header(length: number, opcode: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeInt32LE(length, 0)
  bytes.writeInt32LE(1, 4)
  bytes.writeInt32LE(opcode, 12)
  return bytes
}

const database: Attack[] = [
  toDatabase('HTTP at the port of the database', () => Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')),
  toDatabase('a message of 2 GB that is only announced', () => header(2_147_483_647, 2013)),
  toDatabase('a message with a negative length', () => header(-1, 2013)),
  toDatabase('a message that nobody knows', () => Buffer.concat([header(20, 9_999), Buffer.alloc(4)])),
  toDatabase('a message whose document is longer than itself', () =>
    Buffer.concat([header(26, 2013), Buffer.from([0, 0, 0, 0, 0, 255, 255, 255, 127, 0])]),
  ),
]

describeWithRedis('A store', () => testAttacks([...documents, ...keys, ...rights, ...database]))
