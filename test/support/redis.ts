// A Redis of a test's own: redis-server from the PATH on a free loopback port, without persistence, in a
// temporary folder; stopped by its process id.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test } from '@jest/globals'

export type TestRedis = {
  url: string
  port: number
  /** Changes with `restart`. */
  readonly pid: number
  /** Freezes it: connections stay open, nothing answers. */
  pause(): void
  resume(): void
  /** Ends it, as a crash would; `restart` brings it back. */
  kill(): Promise<void>
  /** Ends it and starts it anew, empty, at the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const HOW_TO_GET_IT = 'redis-server is not on the PATH; install it, for example with: apt-get install redis-server'

/** @param flags further flags of redis-server, as ['--maxmemory', '10mb']. */
export async function startRedis(flags: readonly string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-redis-'))
  let { server, port } = await startOnFreePort(folder, flags)
  const killWithUs = () => server.kill('SIGKILL')
  process.once('exit', killWithUs)

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid!
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    kill: () => end(server),
    async restart() {
      await end(server)
      const again = await start(folder, port, flags)
      if (!again) throw new Error(`redis-server did not start again at port ${port}.`)
      server = again
    },
    async stop() {
      process.off('exit', killWithUs)
      await end(server)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function redisAvailable(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

/**
 * Describes tests that need a Redis. Where there is none they are skipped with a line that says so, or fail
 * when REQUIRE_SERVICES=1.
 */
export function describeWithRedis(title: string, body: () => void): void {
  if (redisAvailable()) {
    describe(title, body)
  } else if (process.env.REQUIRE_SERVICES === '1') {
    test(`${title}: needs redis-server`, () => {
      throw new Error(HOW_TO_GET_IT)
    })
  } else {
    process.stderr.write(`Skipping "${title}": ${HOW_TO_GET_IT}\n`)
    describe.skip(title, body)
  }
}

async function startOnFreePort(folder: string, flags: readonly string[]) {
  // Between finding a free port and using it somebody else may take it.
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort()
    const server = await start(folder, port, flags)
    if (server) return { server, port }
  }
  throw new Error('redis-server did not start; try it by hand to see why.')
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

function start(folder: string, port: number, flags: readonly string[]): Promise<ChildProcess | undefined> {
  const always = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  return startServer(port, [...always, ...flags])
}

/** A redis-server once it answers at this port; undefined if it ended instead or stays silent. */
export async function startServer(port: number, args: readonly string[]): Promise<ChildProcess | undefined> {
  const server = spawn('redis-server', args, { stdio: 'ignore' })
  for (let waited = 0; waited < 5_000 && server.exitCode === null; waited += 20) {
    if (await answers(port)) return server
    await sleep(20)
  }
  await end(server)
  return undefined
}

/** Whether something answers a PING; an error such as NOAUTH is an answer, too. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', () => settle(true))
    socket.once('error', () => settle(false))
    socket.setTimeout(500, () => settle(false))
  })
}

/** Kills it, and waits until it is gone. */
export async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGKILL') // nothing to save; and a paused process would not see anything gentler
  await exited
}
