// What the gateway tells whoever watches over it: which upstreams answer, and how long they take. It is ready without
// any of them, since one that is down costs only its fields.

import { Histogram } from 'prom-client'
import { DURATION_BUCKETS, type Metrics } from '../common/base/metrics.ts'
import type { Checks } from '../common/service/health.ts'
import type { Remote } from './remote-request.ts'

export function upstreamChecks(remotes: readonly Remote[]): Checks {
  return {
    async upstreams() {
      const answers = await Promise.all(
        remotes.map(async (remote) => [remote.name, await answersLivez(remote)] as const),
      )
      const silent = answers.flatMap(([name, isAlive]) => (isAlive ? [] : [name]))
      return {
        ...Object.fromEntries(answers),
        warning: silent.length > 0 ? `out of reach: ${silent.join(', ')}; their fields are missing` : undefined,
      }
    },
  }
}

/** Called with what came of each request to a subgraph: ok, or the code of the error. */
export type UpstreamTimer = (subgraph: string, outcome: string, ms: number) => void

export function upstreamTimer({ registry }: Metrics): UpstreamTimer {
  const durations = new Histogram({
    name: 'alkaid_gateway_upstream_duration_seconds',
    help: 'Time until a subgraph answered the gateway, by subgraph and outcome: ok, or the code of the error.',
    labelNames: ['subgraph', 'outcome'],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  })
  return (subgraph, outcome, ms) => durations.observe({ subgraph, outcome }, ms / 1000)
}

const LIVEZ_MS = 1_000

async function answersLivez(remote: Remote): Promise<boolean> {
  try {
    return (await remote.send({ method: 'GET', path: '/livez', headers: {}, timeoutMs: LIVEZ_MS })).status === 200
  } catch {
    return false // that is what was asked
  }
}
