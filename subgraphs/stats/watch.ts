// What stats tells whoever watches over it: how far the worker is behind the stream, and what it has folded.

import type { EventStream } from '../../common/channel/event-stream.ts'
import { counter, gauge, type Metrics } from '../../common/metrics.ts'
import type { Checks } from '../../common/readiness.ts'
import { within } from '../../common/within.ts'
import type { StatsWorker } from './worker.ts'

const LENGTH_MS = 1_500

export function statsChecks(stream: EventStream, worker: StatsWorker): Checks {
  return {
    /** Without it reports are still answered; events are not accepted. */
    async stream() {
      try {
        return { backlog: await backlog(stream) }
      } catch (error) {
        return { backlog: null, warning: `no events can be accepted: ${(error as Error).message}` }
      }
    },
    worker() {
      const status = worker.status()
      return { ...status, warning: status.lastError ? `folding failed: ${status.lastError}` : undefined }
    },
  }
}

export function measureStats(metrics: Metrics, stream: EventStream, worker: StatsWorker): void {
  gauge(
    metrics,
    { name: 'alkaid_stats_backlog_events', help: 'Events that were accepted and are not folded yet.' },
    () => backlog(stream),
  )
  counter(
    metrics,
    { name: 'alkaid_stats_folded_events_total', help: 'Events that this worker has folded into rollups.' },
    () => worker.status().folded,
  )
  gauge(
    metrics,
    { name: 'alkaid_stats_fold_failures', help: 'Attempts to fold that failed in a row, up to now.' },
    () => worker.status().failures,
  )
}

function backlog(stream: EventStream): Promise<number> {
  return within(LENGTH_MS, stream.length(), () => new Error(`the event stream did not answer within ${LENGTH_MS} ms`))
}
