// A worker of a cluster (cluster.ts), seen from the inside: it listens when its primary says so, and answers what the primary asks.

import cluster from 'node:cluster'
import type { MetricObject } from 'prom-client'
import type { Metrics } from '../base/metrics.ts'
import type { Readiness } from './health.ts'

/** From the primary to a worker. `ask` expects an answer with the same id. */
export type ToWorker = { alkaid: 'listen' } | { alkaid: 'ask'; id: number; what: 'readiness' | 'metrics' }

export type FromWorker = { alkaid: 'answer'; id: number; readiness?: Readiness; metrics?: MetricObject[] }

export function isWorker(): boolean {
  return cluster.isWorker
}

export type WorkerOptions = {
  metrics: Metrics
  readiness(): Promise<Readiness>
  /** Opens the port. */
  listen(): Promise<void>
  /** Called when the port cannot be opened. */
  onFailure(error: unknown): void
}

/** Call it once, before anything that waits: the primary may write at any time. */
export function obeyPrimary({ metrics, readiness, listen, onFailure }: WorkerOptions): void {
  process.on('message', (message: ToWorker) => {
    if (message.alkaid === 'listen') listen().catch(onFailure)
    else if (message.alkaid === 'ask') void answer(message)
  })

  async function answer({ id, what }: Extract<ToWorker, { alkaid: 'ask' }>): Promise<void> {
    const found: FromWorker =
      what === 'metrics'
        ? { alkaid: 'answer', id, metrics: (await metrics.registry.getMetricsAsJSON()) as MetricObject[] }
        : { alkaid: 'answer', id, readiness: await readiness() }
    // Without a callback, Node would emit an error when the primary is gone. Then this worker ends anyway.
    if (process.connected) process.send?.(found, undefined, {}, () => {})
  }
}
