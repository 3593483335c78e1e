// A Redis Cluster of a test's own: real processes on free loopback ports. Slots are moved as `redis-cli --cluster reshard` does it.

import { Redis } from 'ioredis'
import { freePort, startRedis, type TestRedis } from './redis.ts'
import { until } from './until.ts'

export type ClusterServer = TestRedis & {
  id: string
  admin: Redis
}

export type TestCluster = {
  url: string
  /** In this order: those that began as primaries, their replicas, and those that began without slots. */
  servers: ClusterServer[]
  /** The running primary that has the slot of this key. */
  primaryOf(key: string): Promise<ClusterServer>
  /** The slot of a key. */
  slotOf(key: string): Promise<number>
  /** Moves a slot with all its keys, while clients go on. `pause` runs while its keys are on both servers. */
  moveSlot(slot: number, to: ClusterServer, pause?: () => Promise<void>): Promise<void>
  /** Resolves once every running server says that the cluster is whole. */
  untilWhole(): Promise<void>
  stop(): Promise<void>
}

const SLOTS = 16_384

/** @param replicas of each primary. `spare`: how many primaries have no slots. `admin`: a user who may do everything, where one is needed. */
export async function startCluster({
  primaries = 3,
  replicas = 0,
  spare = 0,
  flags = [],
  admin: user,
}: {
  primaries?: number
  replicas?: number
  spare?: number
  flags?: readonly string[]
  admin?: { username: string; password: string }
} = {}): Promise<TestCluster> {
  const count = primaries * (1 + replicas) + spare
  const buses = new Map<TestRedis, number>()
  const servers: ClusterServer[] = []
  for (let number = 0; number < count; number++) {
    const bus = await freePort()
    const redis = await startRedis([
      ...['--cluster-enabled', 'yes', '--cluster-port', String(bus), '--cluster-node-timeout', '1000'],
      // Else the whole cluster stops when one primary is gone.
      ...['--cluster-require-full-coverage', 'no', '--repl-diskless-sync-delay', '0'],
      ...flags,
    ])
    const admin = new Redis(redis.port, '127.0.0.1', { ...user, maxRetriesPerRequest: 0, commandTimeout: 2_000 })
    admin.on('error', () => {}) // servers are killed in tests
    const server = Object.assign(redis, { admin, id: (await admin.call('CLUSTER', 'MYID')) as string })
    servers.push(server)
    buses.set(server, bus)
  }
  const running = async () => {
    const alive = await Promise.all(servers.map((server) => server.admin.ping().catch(() => undefined)))
    return servers.filter((_, at) => alive[at] === 'PONG')
  }

  async function untilWhole(): Promise<void> {
    await until(
      'the cluster is whole',
      async () => {
        const alive = await running()
        const states = await Promise.all(
          alive.map(async ({ admin }) => {
            const info = (await admin.call('CLUSTER', 'INFO')) as string
            return /cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info)
          }),
        )
        return states.every(Boolean)
      },
      { within: 30_000 },
    )
  }

  const slotOf = async (key: string) => Number(await (await running())[0]!.admin.call('CLUSTER', 'KEYSLOT', key))

  async function primaryOfSlot(slot: number): Promise<ClusterServer> {
    const [asked] = await running()
    const ranges = (await asked!.admin.call('CLUSTER', 'SLOTS')) as [number, number, [string, number, string]][]
    const id = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2]?.[2]
    return servers.find((server) => server.id === id)!
  }

  // Everybody meets, the slots are dealt out, and replicas follow.
  for (const server of servers.slice(1)) {
    await servers[0]!.admin.call('CLUSTER', 'MEET', '127.0.0.1', server.port, buses.get(server)!)
  }
  for (let primary = 0; primary < primaries; primary++) {
    const [first, next] = [primary, primary + 1].map((at) => Math.floor((at * SLOTS) / primaries)) as [number, number]
    await servers[primary]!.admin.call('CLUSTER', 'ADDSLOTSRANGE', first, next - 1)
  }
  await until(
    'all servers know each other',
    async () => {
      const known = await Promise.all(servers.map(({ admin }) => admin.call('CLUSTER', 'INFO') as Promise<string>))
      return known.every((info) => info.includes(`cluster_known_nodes:${count}\r`))
    },
    { within: 30_000 },
  )
  await untilWhole()
  for (let at = primaries; at < primaries * (1 + replicas); at++) {
    await servers[at]!.admin.call('CLUSTER', 'REPLICATE', servers[at % primaries]!.id)
  }
  await until(
    'the replicas are in step',
    async () => {
      const infos = await Promise.all(servers.map(({ admin }) => admin.info('replication')))
      return infos.filter((info) => /master_link_status:up/.test(info)).length === primaries * replicas
    },
    { within: 30_000 },
  )

  return {
    url: `redis+cluster://${servers.slice(0, 2).map(({ port }) => `127.0.0.1:${port}`)}`,
    servers,
    slotOf,
    primaryOf: async (key) => primaryOfSlot(await slotOf(key)),
    async moveSlot(slot, to, pause = async () => {}) {
      const from = await primaryOfSlot(slot)
      if (from === to) return
      await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
      await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
      await pause()
      for (;;) {
        const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1)) as string[]
        if (keys.length === 0) break
        const auth = user ? ['AUTH2', user.username, user.password] : []
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 2_000, ...auth, 'KEYS', ...keys)
        await pause()
      }
      const others = (await running()).filter((server) => server !== to && server !== from)
      for (const server of [to, from, ...others]) {
        // A replica refuses: it hears of it from its primary.
        await server.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id).catch(() => {})
      }
    },
    untilWhole,
    async stop() {
      for (const { admin } of servers) admin.disconnect()
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}
