// A Redis with a failover of a test's own: a primary, its replicas, and one Sentinel that watches them, all real processes on free
// loopback ports.

import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { end, freePort, startRedis, startServer, type TestRedis } from './redis.ts'
import { until } from './until.ts'

export type TestSentinel = {
  url: string
  /** Of the Sentinel. */
  port: number
  servers: TestRedis[]
  /** The server that the Sentinel names as primary. */
  primary(): Promise<TestRedis>
  /** Asks for a failover to a replica, as an operator does, and resolves once the Sentinel names another primary. */
  failOver(): Promise<void>
  /** Resolves once the Sentinel names another primary than this one. */
  untilReplaced(primary: TestRedis): Promise<void>
  /** Resolves once a replica is in step, so that a failover can succeed. */
  untilReplicated(): Promise<void>
  stop(): Promise<void>
}

const NAME = 'alkaid-test'

/** @param flags of each server. `sentinelLines`: more lines of the configuration of the Sentinel. `credentials`: of the URL, such as `platform:secret@`. */
export async function startSentinel({
  replicas = 1,
  flags = [],
  sentinelLines = [],
  credentials = '',
}: {
  replicas?: number
  flags?: readonly string[]
  sentinelLines?: readonly string[]
  credentials?: string
} = {}): Promise<TestSentinel> {
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-sentinel-'))
  const first = await startRedis(flags)
  const replicaFlags = [...flags, '--replicaof', `127.0.0.1 ${first.port}`, '--repl-diskless-sync-delay', '0']
  const others = await Promise.all(Array.from({ length: replicas }, () => startRedis(replicaFlags)))
  const servers = [first, ...others]

  const port = await freePort()
  const conf = join(folder, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${first.port} 1`,
    `sentinel down-after-milliseconds ${NAME} 500`,
    `sentinel failover-timeout ${NAME} 3000`,
    ...sentinelLines.map((line) => line.replace('NAME', NAME)),
  ]
  await writeFile(conf, `${lines.join('\n')}\n`)
  const sentinel = await startServer(port, [conf, '--sentinel'])
  if (!sentinel) throw new Error('redis-server did not start as a Sentinel; try it by hand to see why.')
  const killWithUs = () => sentinel.kill('SIGKILL')
  process.once('exit', killWithUs)
  const admin = new Redis(port, '127.0.0.1')
  admin.on('error', () => {}) // at the end

  async function primary(): Promise<TestRedis> {
    const [, primaryPort] = (await admin.call('SENTINEL', 'get-master-addr-by-name', NAME)) as string[]
    return servers.find((server) => String(server.port) === primaryPort)!
  }
  const untilReplaced = (old: TestRedis) => until('another primary', async () => (await primary()) !== old)
  const untilReplicated = () =>
    until(
      'a replica is in step',
      async () => {
        const found = (await admin.call('SENTINEL', 'replicas', NAME)) as string[][]
        return found.some((fields) => {
          const field = (name: string) => fields[fields.indexOf(name) + 1]
          return field('master-link-status') === 'ok' && field('flags') === 'slave'
        })
      },
      { within: 30_000 },
    )
  await untilReplicated()

  return {
    url: `redis+sentinel://${credentials}127.0.0.1:${port}/${NAME}`,
    port,
    servers,
    primary,
    async failOver() {
      const old = await primary()
      await admin.call('SENTINEL', 'FAILOVER', NAME)
      await untilReplaced(old)
    },
    untilReplaced,
    untilReplicated,
    async stop() {
      process.off('exit', killWithUs)
      admin.disconnect()
      if (admin.status !== 'end') await once(admin, 'end')
      await end(sentinel)
      await Promise.all(servers.map((server) => server.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
