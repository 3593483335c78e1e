// Starts the services of Alkaid as they run in production: each as its own process, with real secrets and a real Redis.

import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Child as RedisChild } from '../../../scripts/processes/child.ts'
import { startRedis } from '../../../scripts/processes/redis.ts'
import { freePort } from '../../support/ports.ts'
import { type Child, type Core, pinProcess, startChild } from '../children.ts'
import { SECRETS } from './world.ts'

export type Server = { port: number; pids: readonly number[]; stop(): Promise<void> }

export type Service = Server & { child: Child; metricsPort: number }

export type BenchRedis = { url: string; stop(): Promise<void> }

const READY_MS = 60_000

/** Undefined when there is no redis-server on the PATH. It shares the core of the load, at the lowest priority. */
export async function startBenchRedis(folder: string): Promise<BenchRedis | undefined> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined
  const children: RedisChild[] = []
  const started = (child: RedisChild) => void children.push(child)
  const url = await startRedis({ cwd: folder, dataDir: folder, print: () => {}, endMs: 5_000, started })
  const redis = children.at(-1)!
  pinProcess(redis.pid!, 'load')
  return { url, stop: () => redis.end() }
}

/** A folder of the bench's own, which it removes at its end. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'alkaid-bench-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

export type ServiceOptions = {
  /** `subgraphs/distribution/index.ts`. */
  script: string
  core: Core
  folder: string
  env?: Readonly<Record<string, string>>
  /** Further arguments of the service. */
  args?: readonly string[]
  /** Flags of Node in front of the script. */
  nodeFlags?: readonly string[]
}

/** Resolves when it is ready. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { script, core, folder, env = {}, args = [], nodeFlags = [] } = options
  const [port, metricsPort] = [await freePort(), await freePort()]
  const child = startChild({
    name: script,
    args: [...nodeFlags, script, ...args],
    core,
    env: {
      ...{ NODE_ENV: 'production', PORT: String(port), METRICS_PORT: String(metricsPort) },
      ...{ DATA_DIR: folder, DRAIN_SECONDS: '0', ...SECRETS, ...env },
    },
  })
  try {
    await untilReady(child, `http://127.0.0.1:${port}/readyz`)
    // On this port a service with several workers speaks for all of them.
    await untilReady(child, `http://127.0.0.1:${metricsPort}/readyz`)
  } catch (error) {
    await child.stop()
    throw error
  }
  return { port, metricsPort, pids: [child.pid], child, stop: () => child.stop() }
}

type Readiness = { ready: boolean; workers?: Record<string, { ready: boolean; takesRequests: boolean }> }

/** Waits until a service says that it is ready, and each of its workers. */
async function untilReady(child: Child, url: string): Promise<void> {
  const until = Date.now() + READY_MS
  let reason = 'no answer'
  while (Date.now() < until) {
    const asked = fetch(url, { signal: AbortSignal.timeout(3_000) }).then(
      (response) => response.text(),
      (error: Error) => error.message,
    )
    reason = await Promise.race([asked, child.failed])
    if (isReady(reason)) return
    await sleep(50)
  }
  throw new Error(`${child.name} is not ready after ${READY_MS / 1000} s: ${reason}`)
}

function isReady(text: string): boolean {
  if (!text.startsWith('{')) return false
  const { ready, workers = {} } = JSON.parse(text) as Readiness
  return ready && Object.values(workers).every((worker) => worker.ready && worker.takesRequests)
}

/** Waits until somebody listens at the port. */
export async function untilListening(child: Child, port: number): Promise<void> {
  const until = Date.now() + READY_MS
  while (Date.now() < until) {
    if (await Promise.race([canConnect(port), child.failed])) return
    await sleep(20)
  }
  throw new Error(`${child.name} does not listen after ${READY_MS / 1000} s`)
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}
