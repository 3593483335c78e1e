// Health checks and metrics of stats: how far the worker is behind the stream, what it has folded, and what went wrong.

import { withDeadline } from '../../common/base/deadline.ts'
import { counter, counters, gauge, type Metrics } from '../../common/base/metrics.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Checks } from '../../common/service/health.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import type { RecordedEvents } from './event-recorder.ts'
import type { StatsWorker, WorkerStatus } from './worker.ts'

/** How long a check waits for the length of the stream, in ms. */
const LENGTH_MS = 1_500

/** How long the check warns after a record was set aside, in ms. */
const WARN_MS = DAY_MS

export function statsChecks(stream: EventStream, worker: StatsWorker, now: () => number): Checks {
  return {
    /** Without the stream, reports are still answered, but no events are accepted. So the check only warns. */
    async stream() {
      try {
        const waiting = await backlog(stream)
        return { backlog: waiting, capacity: stream.capacity, warning: fullness(waiting, stream) }
      } catch (error) {
        return { backlog: null, warning: `no events can be accepted: ${(error as Error).message}` }
      }
    },
    worker() {
      const status = worker.status()
      const warnings = [status.lastError ? `folding failed: ${status.lastError}` : '', setAsideWarning(status, now())]
      return { ...status, warning: warnings.filter(Boolean).join('; ') || undefined }
    },
  }
}

export type MeasuredStats = {
  stream: EventStream
  worker: StatsWorker
  /** What became of the events that this process has received since its start. */
  recorded(): RecordedEvents
}

export function measureStats(metrics: Metrics, { stream, worker, recorded }: MeasuredStats): void {
  counters(
    metrics,
    {
      name: 'alkaid_stats_recorded_events_total',
      help: 'Events in batches that this process has answered: accepted, or refused as forged, future or expired.',
      label: 'outcome',
    },
    recorded,
  )
  gauge(metrics, { name: 'alkaid_stats_backlog_events', help: 'Events that are accepted, but not yet folded.' }, () =>
    backlog(stream),
  )
  if (stream.capacity !== undefined) {
    gauge(
      metrics,
      { name: 'alkaid_stats_stream_capacity_events', help: 'The most events that the stream in the store may have.' },
      () => stream.capacity,
    )
  }
  counter(
    metrics,
    { name: 'alkaid_stats_folded_events_total', help: 'Events that this worker has folded into rollups.' },
    () => worker.status().folded,
  )
  counter(
    metrics,
    {
      name: 'alkaid_stats_set_aside_records_total',
      help: 'Records of the event stream that this worker could not fold and has set aside.',
    },
    () => worker.status().setAside,
  )
  gauge(
    metrics,
    { name: 'alkaid_stats_fold_failures', help: 'Failed attempts to fold in a row, up to now.' },
    () => worker.status().failures,
  )
}

function setAsideWarning({ lastSetAside: last }: WorkerStatus, now: number): string {
  if (!last || now - last.at > WARN_MS) return ''
  const when = new Date(last.at).toISOString()
  return `records of the event stream could not be folded and were set aside, the last one (${last.position}) at ${when}: ${last.reason}`
}

/** Undefined while at least a fifth of the stream is free. */
function fullness(waiting: number, { capacity }: EventStream): string | undefined {
  if (capacity === undefined || waiting < 0.8 * capacity) return undefined
  const what = `${waiting} of at most ${capacity} events wait to be folded (MAX_STREAM_EVENTS)`
  return waiting >= capacity ? `no events can be accepted: ${what}` : `the event stream is nearly full: ${what}`
}

function backlog(stream: EventStream): Promise<number> {
  return withDeadline(
    LENGTH_MS,
    stream.length(),
    () => new Error(`the event stream did not answer within ${LENGTH_MS} ms`),
  )
}
