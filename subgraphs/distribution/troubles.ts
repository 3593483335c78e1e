// Tells the log of a trouble once, when it begins or changes, and when it is over: what is tried every few
// seconds would otherwise fill the log.

import type { Logger } from '../../common/log.ts'

export type SyncLog = Pick<Logger, 'info' | 'warn'>

export type Troubles = {
  /** @param what goes wrong; it is the same trouble as long as `problem` is the same. */
  begin(what: string, problem: string, error?: unknown): void
  end(what: string): void
}

/** More than this at once are not told apart any longer, so that a flood cannot fill the memory. */
const MOST = 10_000

export function createTroubles(log: SyncLog): Troubles {
  const present = new Map<string, string>()
  return {
    begin(what, problem, error) {
      if (present.get(what) === problem) return
      if (present.size >= MOST) present.clear()
      present.set(what, problem)
      log.warn({ ...(error === undefined ? {} : { err: error }) }, `${what}: ${problem}`)
    },
    end(what) {
      if (present.delete(what)) log.info({}, `${what}: in order again`)
    },
  }
}
