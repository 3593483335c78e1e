// The shutdown of a process, in steps: `/readyz` answers 503; the servers take no new requests; the requests under way finish; the
// connections to MongoDB, Redis and so on close. Each step has a time limit. A step that fails does not stop the next one.

import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../base/deadline.ts'
import type { Logger } from '../base/log.ts'
import type { HttpServer } from '../http/server.ts'

/** Something to close at shutdown. The name is for the log. */
export type Closer = { name: string; close(): unknown }

/** The phase of a process. `/readyz` answers 200 only while it is `running`. */
export type Lifecycle = { phase: 'starting' | 'running' | 'ending' }

export type EndOptions = {
  life: Lifecycle
  servers: readonly HttpServer[]
  closers: Closer[]
  /** How long the servers still serve, in ms. Load balancers use this time to notice that `/readyz` answers 503. */
  drainMs: number
  log: Pick<Logger, 'error'>
}

/** Time limit of one closer, in ms. */
const CLOSE_MS = 5_000

/** How often the process checks that its parent still runs, in ms. */
const PARENT_EVERY_MS = 1_000

/** Time limit of `shutDown`, in ms, without `drainMs`: for the requests under way and the closers. */
export const SHUTDOWN_MS = 25_000

/** Shuts down one service, or all services of one process. Never rejects. */
export async function shutDown({ life, servers, closers, drainMs, log }: EndOptions): Promise<void> {
  life.phase = 'ending' // from here on `/readyz` answers 503
  for (const server of servers) server.drain()
  if (drainMs > 0) await sleep(drainMs)
  await Promise.all(servers.map((server) => server.stop()))
  await closeAll(closers, log)
}

/** Closes the last one first. When one fails or takes too long, it is logged, and the next one is closed. */
export async function closeAll(closers: Closer[], log?: Pick<Logger, 'error'>): Promise<void> {
  for (const { name, close } of closers.splice(0).reverse()) {
    try {
      await withDeadline(CLOSE_MS, Promise.resolve(close()), () => new Error(`not closed within ${CLOSE_MS} ms`))
    } catch (error) {
      log?.error({ err: error, part: name }, 'shutdown: a part did not close')
    }
  }
}

/** Why a process shuts down. `error`: an error that nothing caught. */
export type Cause = { signal: NodeJS.Signals } | { error: unknown } | 'parent is gone'

export function isSignal(cause: Cause): cause is { signal: NodeJS.Signals } {
  return typeof cause === 'object' && 'signal' in cause
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Calls `end` once, for the first cause, and then exits: with 0, or with 1 after an error or after `withinMs`. Later signals change
 * nothing, because npm and shells send every signal twice. When the parent process is gone, it shuts down too. It notices this by
 * the IPC channel, if it was started with one, or by the id of its parent, if `parent` is given.
 */
export function installShutdown(options: {
  end(cause: Cause): Promise<void>
  withinMs: number
  log: Pick<Logger, 'fatal'>
  /** The process id of the parent. Undefined: the process may outlive its parent, for example after `nohup`. */
  parent?: number | undefined
}) {
  const { end, withinMs, log, parent } = options
  let isEnding = false

  async function begin(cause: Cause): Promise<void> {
    if (isEnding) return
    isEnding = true
    setTimeout(() => {
      log.fatal(`the shutdown took longer than ${withinMs} ms`)
      process.exit(1)
    }, withinMs)
    await end(cause).catch((error) => log.fatal({ err: error }, 'the shutdown failed'))
    process.exit(typeof cause === 'object' && 'error' in cause ? 1 : 0)
  }

  const failed = (error: unknown) => {
    log.fatal(
      { err: error },
      isEnding ? 'an error during the shutdown' : 'shutting down because of an error that nothing caught',
    )
    void begin({ error })
  }
  // The reader of our output is gone, for example a closed pipe. That alone is no reason to shut down.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
  for (const signal of SIGNALS) process.on(signal, () => void begin({ signal }))
  process.on('uncaughtException', failed)
  process.on('unhandledRejection', failed)
  process.on('disconnect', () => void begin('parent is gone'))
  if (process.send && !process.connected) void begin('parent is gone') // it went before we listened for `disconnect`
  if (parent === undefined) return
  setInterval(() => {
    if (process.ppid !== parent) void begin('parent is gone')
  }, PARENT_EVERY_MS).unref()
}
