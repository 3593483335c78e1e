// How a process ends: first it says that it does, then it takes no more requests, then it ends those under way, then it
// closes what they needed. Every step has a bounded time, and none keeps the next one from being taken.

import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../base/deadline.ts'
import type { Logger } from '../base/log.ts'
import type { HttpServer } from '../http/server.ts'

/** Something to be closed, with its name for the log. */
export type Closer = { name: string; close(): unknown }

/** Where a process is in its life; `/readyz` goes by it. */
export type Life = { phase: 'starting' | 'running' | 'ending' }

export type EndOptions = {
  life: Life
  servers: readonly HttpServer[]
  closers: Closer[]
  /** How long the servers go on serving, in ms, until everybody has seen that `/readyz` answers 503. */
  drainMs: number
  log: Pick<Logger, 'error'>
}

/** How long one closer may take, in ms. */
const CLOSE_MS = 5_000

/** How often, in ms, it is looked whether the parent is still there. */
const PARENT_EVERY_MS = 1_000

/** Of `endInOrder`, in ms, beside the time that it goes on serving: requests under way, and closers. */
export const END_MS = 25_000

/** The end of a service, or of many in one process. Never rejects. */
export async function endInOrder({ life, servers, closers, drainMs, log }: EndOptions): Promise<void> {
  life.phase = 'ending' // from here on `/readyz` answers 503
  for (const server of servers) server.drain()
  if (drainMs > 0) await sleep(drainMs)
  await Promise.all(servers.map((server) => server.stop()))
  await closeAll(closers, log)
}

/** The last one first. One that fails, or takes longer than it may, is logged, and the next one is closed. */
export async function closeAll(closers: Closer[], log?: Pick<Logger, 'error'>): Promise<void> {
  for (const { name, close } of closers.splice(0).reverse()) {
    try {
      await withDeadline(CLOSE_MS, Promise.resolve(close()), () => new Error(`not closed within ${CLOSE_MS} ms`))
    } catch (error) {
      log?.error({ err: error, part: name }, 'ending: a part did not close')
    }
  }
}

/** Why a process ends. `error`: nobody caught it. */
export type Cause = { signal: NodeJS.Signals } | { error: unknown } | 'parent is gone'

export function isSignal(cause: Cause): cause is { signal: NodeJS.Signals } {
  return typeof cause === 'object' && 'signal' in cause
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Calls `end` once, for the first cause, and exits when it is done: 0, or 1 after an error or after `withinMs`. Further
 * signals change nothing: npm and shells send every signal twice. A process that was started with an IPC channel, or is told
 * the id of its parent, also ends when that is gone, however it ended.
 */
export function whenEnding(options: {
  end(cause: Cause): Promise<void>
  withinMs: number
  log: Pick<Logger, 'fatal'>
  /** Undefined: whoever started it may leave it to itself, as a shell does with `nohup`. */
  parent?: number | undefined
}) {
  const { end, withinMs, log, parent } = options
  let isEnding = false

  async function begin(cause: Cause): Promise<void> {
    if (isEnding) return
    isEnding = true
    setTimeout(() => {
      log.fatal(`ending took longer than ${withinMs} ms`)
      process.exit(1)
    }, withinMs)
    await end(cause).catch((error) => log.fatal({ err: error }, 'ending failed'))
    process.exit(typeof cause === 'object' && 'error' in cause ? 1 : 0)
  }

  const failed = (error: unknown) => {
    log.fatal({ err: error }, isEnding ? 'an error while ending' : 'ending for an error that nobody caught')
    void begin({ error })
  }
  // Whoever read what we print has gone, perhaps our parent: that alone is no reason to end.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
  for (const signal of SIGNALS) process.on(signal, () => void begin({ signal }))
  process.on('uncaughtException', failed)
  process.on('unhandledRejection', failed)
  process.on('disconnect', () => void begin('parent is gone'))
  if (process.send && !process.connected) void begin('parent is gone') // before we listened
  if (parent === undefined) return
  setInterval(() => {
    if (process.ppid !== parent) void begin('parent is gone')
  }, PARENT_EVERY_MS).unref()
}
