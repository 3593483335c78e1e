// A Redis for `npm run start:processes` when REDIS_URL is not set: redis-server from the PATH, on a free port of 127.0.0.1, with its
// data in the data folder.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SettingsError } from '../../common/service/settings.ts'
import { type Child, type ChildOptions, startChild } from './child.ts'

/** Another program may take the free port before redis-server does. Then the next attempt takes another port. */
const ATTEMPTS = 3
const START_MS = 10_000

/** Throws SettingsError when there is no redis-server. Calls `started` with each child, so that the caller can end it. */
export async function startRedis(
  options: Pick<ChildOptions, 'cwd' | 'print' | 'endMs'> & { dataDir: string; started: (child: Child) => void },
): Promise<string> {
  const folder = join(options.dataDir, 'redis')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await freePort()
    const child = startChild({
      ...options,
      name: 'redis',
      program: 'redis-server',
      args: flags(port, folder),
      env: process.env,
    })
    await child.started.catch((error: Error) => {
      const reason = `there is no redis-server to start in its place (${error.message})`
      throw new SettingsError(
        `REDIS_URL: expected the URL of a Redis, since ${reason}; set it, or install redis-server`,
      )
    })
    endWithUs(child)
    options.started(child)
    if (await answersInTime(child, port)) return `redis://127.0.0.1:${port}`
    await child.end()
  }
  throw new SettingsError(`REDIS_URL: expected the URL of a Redis, since redis-server did not start on ${folder}`)
}

/** redis-server does not notice that we are gone. So a shell waits for the end of its standard input, and then kills redis-server. */
function endWithUs({ pid, ended }: Child): void {
  const watcher = spawn('sh', ['-c', 'cat >/dev/null; kill "$1"', 'sh', `${pid}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  void ended.then(() => {
    watcher.kill() // before another process can get this id
    watcher.stdin.destroy()
  })
}

/** Redis holds the accepted events until they are folded. So it writes to disk and must not evict anything. */
function flags(port: number, folder: string): string[] {
  const where = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  return [...where, '--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction', '--loglevel', 'warning']
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

async function answersInTime(child: Child, port: number): Promise<boolean> {
  const until = Date.now() + START_MS
  while (!child.hasEnded() && Date.now() < until) {
    if (await answersPing(port)) return true
    await sleep(20)
  }
  return false
}

/** False also while it loads its data: then it answers LOADING. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', (reply) => settle(reply.toString().startsWith('+PONG')))
    socket.once('error', () => settle(false))
    socket.setTimeout(500, () => settle(false))
  })
}
