// Tells when a process has more work than it can do. Then its lanes answer 503 with `retry-after` before they read a request, and the
// requests that it takes are answered in time. Two things are measured:
//
// - The delay of the event loop: a timer is due every 20 ms, and how late it comes is how long a request waits for its turn. Only a delay
//   that lasts counts: the least of the last five measurements. One long pause, as of a garbage collection, is one late timer.
// - The requests in flight: those by POST, which wait for their body, and those that wait for a store. A slot query by GET waits for
//   nothing. It is never in flight, and is never refused because others are.

import { counters, type Metrics } from '../base/metrics.ts'

export type OverloadLimits = {
  /** The delay of the event loop, in ms, above which requests are refused. They are taken again below half of it. */
  maxDelayMs: number
  maxInFlight: number
}

export type Overload = {
  /** Whether a new request must be refused. `waits`: it will be in flight. The refusal is counted. */
  refuses(waits: boolean): boolean
  /** Counts a request until `work` has an end. */
  inFlight<T>(work: () => Promise<T>): Promise<T>
  stop(): void
}

export const OVERLOAD_LIMITS: OverloadLimits = { maxDelayMs: 250, maxInFlight: 1_000 }

/** One for each process, because its lanes share the event loop. `now`: ms of a clock that never goes back. */
export function watchOverload(
  { maxDelayMs, maxInFlight }: OverloadLimits,
  metrics?: Metrics,
  now: () => number = () => performance.now(),
): Overload {
  const delay = lastingDelay()
  const refused = { event_loop_delay: 0, requests_in_flight: 0 }
  let waiting = 0
  let isLate = false
  let lastAt = now()
  const timer = setInterval(() => {
    const at = now()
    delay.add(at - lastAt - EVERY_MS)
    lastAt = at
    isLate = delay.least() > (isLate ? maxDelayMs / 2 : maxDelayMs)
  }, EVERY_MS)
  timer.unref()
  if (metrics) {
    counters(
      metrics,
      {
        name: 'alkaid_lane_overload_refusals_total',
        help: 'Requests of apps that were answered 503 because the process had too much work, by what was measured: event_loop_delay or requests_in_flight.',
        label: 'reason',
      },
      () => refused,
    )
  }

  return {
    refuses(waits) {
      if (isLate) refused.event_loop_delay += 1
      else if (waits && waiting >= maxInFlight) refused.requests_in_flight += 1
      else return false
      return true
    },
    async inFlight(work) {
      waiting += 1
      try {
        return await work()
      } finally {
        waiting -= 1
      }
    },
    stop: () => clearInterval(timer),
  }
}

const EVERY_MS = 20
const LASTING = 5

/** The least of the last five delays. */
function lastingDelay() {
  const delays = Array<number>(LASTING).fill(0)
  let next = 0
  return {
    add(ms: number) {
      delays[next] = ms
      next = (next + 1) % LASTING
    },
    least: () => Math.min(...delays),
  }
}
