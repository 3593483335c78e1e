// `/readyz`: whether a service can do its work, and if not, why. Each check has a bounded time, so that the answer comes
// even when what is checked hangs.

import { withDeadline } from '../base/deadline.ts'
import type { Channel } from '../channel/channel.ts'
import { type HttpReply, json } from '../http/server.ts'
import type { Store } from '../store/store.ts'

/**
 * What a check found. `problem`: the service cannot do its work. `warning`: it can, but somebody should look. The rest is
 * shown as it is.
 */
export type Finding = {
  problem?: string | undefined
  warning?: string | readonly string[] | undefined
} & Record<string, unknown>

/** name -> check; the names are keys of the answer. */
export type Checks = Record<string, () => Finding | Promise<Finding>>

const CHECK_MS = 2_000

/** 200 `{ready: true, ...}`, or 503 with `reasons`. */
export async function readiness(checks: Checks): Promise<HttpReply> {
  const found = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await bounded(check)] as const),
  )
  const tell = (kind: 'problem' | 'warning') =>
    found.flatMap(([name, finding]) => [finding[kind] ?? []].flat().map((what) => `${name}: ${what}`))
  const reasons = tell('problem')
  const ready = reasons.length === 0
  const details = Object.fromEntries(
    found.map(([name, { problem, warning: _, ...rest }]) => [name, { ok: !problem, ...rest }]),
  )
  return json(
    ready ? 200 : 503,
    { ready, reasons, warnings: tell('warning'), ...details },
    { 'cache-control': 'no-store' },
  )
}

/** The store answers. One that cannot write is still read. */
export function storeCheck(store: Store): Checks[string] {
  return async () => {
    await store.ping()
    const refusal = store.refusal()
    return { warning: refusal && `nothing can be changed, because the store cannot write: ${refusal}` }
  }
}

/** The channel answers. Without it nothing is lost: delivery writes again what it lacks. */
export function channelCheck(channel: Channel): Checks[string] {
  return async () => {
    try {
      await channel.read(['apps'])
      return { reachable: true }
    } catch (error) {
      return { reachable: false, warning: `changes do not reach the nodes: ${(error as Error).message}` }
    }
  }
}

/** A check that fails is a problem. */
async function bounded(check: Checks[string]): Promise<Finding> {
  try {
    return await withDeadline(CHECK_MS, Promise.resolve(check()), () => new Error(`no answer within ${CHECK_MS} ms`))
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
