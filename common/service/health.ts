// `/readyz`: tells whether a service can do its work, and if not, why. Each check has a time limit, so the answer comes even when
// MongoDB or Redis hangs.

import { withDeadline } from '../base/deadline.ts'
import type { Channel } from '../channel/channel.ts'
import { type HttpReply, json } from '../http/server.ts'
import type { Store } from '../store/store.ts'

/**
 * The result of a check. `problem`: the service cannot do its work. `warning`: it can, but an operator should look. All other
 * fields appear in the answer as they are.
 */
export type Finding = {
  problem?: string | undefined
  warning?: string | readonly string[] | undefined
} & Record<string, unknown>

/** name -> check. The names are keys of the answer. */
export type Checks = Record<string, () => Finding | Promise<Finding>>

/** How long a check may take, in ms. Checks run at the same time, so `/readyz` takes hardly longer. */
export const CHECK_MS = 2_000

/** What `/readyz` answers. The other fields are the checks. */
export type Readiness = { ready: boolean; reasons: string[]; warnings: string[] } & Record<string, unknown>

/** 200 `{ready: true, ...}`, or 503 with `reasons`. */
export function readinessReply(readiness: Readiness): HttpReply {
  return json(readiness.ready ? 200 : 503, readiness, { 'cache-control': 'no-store' })
}

export async function examine(checks: Checks): Promise<Readiness> {
  const found = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await bounded(check)] as const),
  )
  const messages = (kind: 'problem' | 'warning') =>
    found.flatMap(([name, finding]) => [finding[kind] ?? []].flat().map((what) => `${name}: ${what}`))
  const reasons = messages('problem')
  const details = Object.fromEntries(
    found.map(([name, { problem, warning: _, ...rest }]) => [name, { ok: !problem, ...rest }]),
  )
  return { ready: reasons.length === 0, reasons, warnings: messages('warning'), ...details }
}

/** Checks that the store answers. A store that can be read but not written gives only a warning. */
export function storeCheck(store: Store): Checks[string] {
  return async () => {
    await store.ping()
    const refusal = store.refusal()
    return { warning: refusal && `nothing can be changed, because the store cannot write: ${refusal}` }
  }
}

/** Checks that the channel answers. A failure is only a warning: delivery writes later what the channel lacks. */
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

/** A check that throws or takes too long is a problem. */
async function bounded(check: Checks[string]): Promise<Finding> {
  try {
    return await withDeadline(CHECK_MS, Promise.resolve(check()), () => new Error(`no answer within ${CHECK_MS} ms`))
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
