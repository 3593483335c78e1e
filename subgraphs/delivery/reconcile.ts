// Delivery's reconciliation: finishes revocations that a crash cut off, and heals the channel. It runs at start, before
// nodes load, and then every few seconds. A round that fails is counted and logged; the next one tries again.

import type { Services } from '../../common/services.ts'
import { reviews } from '../audit/repository.ts'
import { type Healed, healChannel } from './heal.ts'
import { finishRevocation } from './revoke.ts'

/** What one round did. `error`: what kept it from its end. */
export type Report = Healed & { revocations: number; error: string | null }

export type Reconciliation = {
  /** A whole round, after the one that is under way. Never rejects: `error` says what went wrong. */
  runOnce(): Promise<Report>
  /** `rewritten` counts since the start; `ahead` and `corrupt` are the last round's. */
  status(): {
    rounds: number
    failed: number
    rewritten: number
    ahead: number
    corrupt: number
    last: Report | null
  }
  /** Resolves once nothing is under way any more. */
  stop(): Promise<void>
}

const REVOCATIONS_AT_ONCE = 100

/** @param options.fullEvery every how many rounds each document is read, not only the manifests. The first one is such. */
export function startReconciliation(
  services: Services,
  { everyMs = 5_000, fullEvery = 12 }: { everyMs?: number; fullEvery?: number } = {},
): Reconciliation {
  let rounds = 0
  let failed = 0
  let rewritten = 0
  let last: Report | null = null
  let stopped = false
  let running: Promise<unknown> = Promise.resolve()
  let timer = setTimeout(tick, everyMs).unref()

  function runOnce(): Promise<Report> {
    const round = running.then(async () => {
      last = await reconcile(services, rounds % fullEvery === 0)
      rounds += 1
      rewritten += last.rewritten
      if (last.error !== null) failed += 1
      return last
    })
    running = round
    return round
  }

  async function tick(): Promise<void> {
    await runOnce()
    if (!stopped) timer = setTimeout(tick, everyMs).unref()
  }

  return {
    runOnce,
    status: () => ({ rounds, failed, rewritten, ahead: last?.ahead ?? 0, corrupt: last?.corrupt ?? 0, last }),
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}

async function reconcile(services: Services, full: boolean): Promise<Report> {
  const report: Report = { revocations: 0, checked: 0, rewritten: 0, ahead: 0, corrupt: 0, error: null }
  try {
    await finishRevocations(services, report)
    await healChannel(services, full, report)
  } catch (error) {
    report.error = error instanceof Error ? error.message : String(error)
    services.log.error({ err: error }, 'reconciliation did not get to its end: the next round tries again')
  }
  return report
}

/** One that fails must not keep the others from being finished. */
async function finishRevocations(services: Services, report: Report): Promise<void> {
  for (const review of await reviews.toRecompose(services.store, REVOCATIONS_AT_ONCE)) {
    try {
      await finishRevocation(services, review._id, null)
      report.revocations += 1
    } catch (error) {
      report.error = error instanceof Error ? error.message : String(error)
      services.log.error({ err: error, review: review._id }, 'a revocation is not finished: slots may still serve it')
    }
  }
}
