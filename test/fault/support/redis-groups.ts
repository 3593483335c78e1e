// Groups of real redis-server processes: a primary with a replica and a Sentinel, and a Cluster.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../support/ports.ts'
import { startRedis, type TestRedis } from '../../support/redis.ts'
import { until } from '../../support/until.ts'

const SLOTS = 16_384
/** How long a server may be silent before the others replace it, in ms. */
const DEAD_AFTER_MS = 1_000

export type SentinelGroup = { url: string; primary: TestRedis; stop(): Promise<void> }

export async function startSentinelGroup(): Promise<SentinelGroup> {
  const primary = await startRedis()
  const replica = await startRedis(['--replicaof', '127.0.0.1', `${primary.port}`])
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-sentinel-'))
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  const lines = [
    ...[`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`],
    `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds main ${DEAD_AFTER_MS}`,
    'sentinel failover-timeout main 3000',
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  const killWithUs = () => sentinel.kill('SIGKILL')
  process.once('exit', killWithUs)
  const admin = new Redis({ host: '127.0.0.1', port })
  admin.on('error', () => {}) // it starts
  try {
    await until(
      'the Sentinel knows the replica',
      async () => ((await admin.call('SENTINEL', 'REPLICAS', 'main').catch(() => [])) as unknown[]).length === 1,
      { within: 20_000 },
    )
  } finally {
    admin.disconnect()
  }
  return {
    url: `redis+sentinel://127.0.0.1:${port}/main`,
    primary,
    async stop() {
      process.off('exit', killWithUs)
      await endOf(sentinel)
      await Promise.all([primary.stop(), replica.stop()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type RedisCluster = {
  url: string
  /** Three primaries with a third of the slots each, and then a replica of the first one. */
  servers: TestRedis[]
  /** The number of the primary that has this key. */
  ownerOf(key: string): Promise<number>
  /** Moves the slot of a key, with its keys, to the primary of this number. */
  moveSlotOf(key: string, to: number): Promise<void>
  stop(): Promise<void>
}

export async function startRedisCluster(): Promise<RedisCluster> {
  const servers: TestRedis[] = []
  for (let number = 0; number < 4; number += 1) {
    servers.push(
      await startRedis([
        ...['--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`],
        ...['--cluster-node-timeout', `${DEAD_AFTER_MS}`, '--cluster-replica-validity-factor', '0'],
      ]),
    )
  }
  const admins = servers.map(({ url }) => new Redis(url))
  for (const admin of admins) admin.on('error', () => {}) // killed by a test
  const first = admins[0]!
  const third = Math.ceil(SLOTS / 3)
  for (const [number, admin] of admins.slice(0, 3).entries()) {
    const last = Math.min((number + 1) * third, SLOTS) - 1
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', number * third, last)
  }
  for (const [number, admin] of admins.slice(1).entries()) {
    const bus = (await admin.config('GET', 'cluster-port')) as string[]
    await first.call('CLUSTER', 'MEET', '127.0.0.1', servers[number + 1]!.port, bus[1]!)
  }
  const ids = await Promise.all(admins.map(async (admin) => (await admin.call('CLUSTER', 'MYID')) as string))
  const replica = admins[3]!
  await until('the replica follows the first primary', () =>
    replica.call('CLUSTER', 'REPLICATE', ids[0]!).then(
      () => true,
      () => false,
    ),
  )
  await until(
    'all of them know the whole Cluster',
    async () => {
      const known = await Promise.all(admins.map(async (admin) => String(await admin.call('CLUSTER', 'INFO'))))
      const lists = await Promise.all(admins.map(async (admin) => String(await admin.call('CLUSTER', 'NODES'))))
      return (
        known.every((info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:4')) &&
        lists.every((list) => (list.match(/ slave |myself,slave/g) ?? []).length === 1)
      )
    },
    { within: 20_000 },
  )
  // The second primary is asked: tests kill the first one.
  const slotOf = async (key: string) => Number(await admins[1]!.call('CLUSTER', 'KEYSLOT', key))
  const ownerOfSlot = async (slot: number): Promise<number> => {
    const ranges = (await admins[1]!.call('CLUSTER', 'SLOTS')) as [number, number, [string, number, string]][]
    const [, , [, , id]] = ranges.find(([from, to]) => from <= slot && slot <= to)!
    return ids.indexOf(id)
  }
  return {
    url: `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    servers,
    ownerOf: async (key) => ownerOfSlot(await slotOf(key)),
    async moveSlotOf(key, to) {
      const slot = await slotOf(key)
      const from = await ownerOfSlot(slot)
      await admins[to]!.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!)
      await admins[from]!.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!)
      const keys = (await admins[from]!.call('CLUSTER', 'GETKEYSINSLOT', slot, 1_000)) as string[]
      if (keys.length > 0) {
        await admins[from]!.call('MIGRATE', '127.0.0.1', servers[to]!.port, '', 0, 5_000, 'KEYS', ...keys)
      }
      for (const number of [to, from]) await admins[number]!.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!)
    },
    async stop() {
      for (const admin of admins) admin.disconnect()
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
