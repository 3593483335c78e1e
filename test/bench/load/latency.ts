// What is told of the latencies of a run, in ms.

import { mean, percentile } from '../statistics.ts'
import type { OpenLoopResult } from './open-loop.ts'

export type Latency = {
  requests: number
  unanswered: number
  average: number
  p50: number
  p99: number
  p999: number
  longest: number
  /** What the load generator adds by itself: how late it sent, at the 99th and the 99.9th percentile. */
  generatorP99: number
  generatorP999: number
}

export function summarise({ latencies, lateness, unanswered }: OpenLoopResult): Latency {
  // Empty when every request waited for a connection. Then this process added nothing of its own.
  const late = lateness.length > 0 ? lateness : [0]
  return {
    requests: latencies.length,
    unanswered,
    average: mean(latencies),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    p999: percentile(latencies, 0.999),
    longest: percentile(latencies, 1),
    generatorP99: percentile(late, 0.99),
    generatorP999: percentile(late, 0.999),
  }
}
