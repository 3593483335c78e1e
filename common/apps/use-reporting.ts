// Hands over what a process counted of the uses of operations: soon after a change, once a minute in any case, and at the end of the
// process. What was counted after the last report is lost when the process is killed.

import { createProblemLog, type ProblemLogger } from '../base/problem-log.ts'
import type { UseReport } from '../channel/channel.ts'
import type { UseCounter } from './use-counter.ts'

export type UseReporting = {
  /** Reports once more, and ends. */
  stop(): Promise<void>
}

/** How often a process with new counts reports, in ms. */
const EVERY_MS = 5_000
/** After this time, in ms, it reports again without new counts: the receiver may have lost the last report. */
const AGAIN_MS = 60_000

/** @param send rejects when the receiver is out of reach; the next report then has everything. */
export function startUseReporting({
  counter,
  send,
  log,
  everyMs = EVERY_MS,
}: {
  counter: UseCounter
  send(report: UseReport): Promise<void>
  log: ProblemLogger
  everyMs?: number
}): UseReporting {
  const problems = createProblemLog(log)
  let sentChanges = 0
  let sentAt = performance.now()
  let sending: Promise<void> = Promise.resolve()
  let stopped = false
  let timer = schedule()

  function schedule(): NodeJS.Timeout {
    return setTimeout(async () => {
      sending = reportIfDue()
      await sending
      if (!stopped) timer = schedule()
    }, everyMs).unref()
  }

  async function reportIfDue(): Promise<void> {
    const { changes } = counter
    const isDue = changes !== sentChanges || (changes > 0 && performance.now() - sentAt >= AGAIN_MS)
    if (!isDue) return
    try {
      await send(counter.report())
      sentChanges = changes
      sentAt = performance.now()
      problems.resolve('reporting the uses of operations')
    } catch (error) {
      problems.report('reporting the uses of operations', 'failed', error)
    }
  }

  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await sending
      await reportIfDue()
    },
  }
}
