// Keeps a subgraph that is slow or dead from costing more than its own fields:
// - A deadline ends each request to it after 12 s.
// - A circuit breaker opens when it did not answer in time. Then its fields are UNAVAILABLE at once. From time to time one request
//   tries whether it is back, and waits for it at most 2 s.
// - A bulkhead bounds the requests under way, so that a slow subgraph cannot fill the memory of the gateway.
// It makes no difference whether the subgraph is in this process or in another one.

import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
} from 'cockatiel'
import { Counter, Gauge } from 'prom-client'
import { withDeadline } from '../common/base/deadline.ts'
import { AlkaidError } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import type { Metrics } from '../common/base/metrics.ts'
import type { Finding } from '../common/service/health.ts'
import type { Upstream } from './upstream.ts'

export type IsolationOptions = {
  /** Requests under way at once. More are UNAVAILABLE. */
  maxRequests: number
  /** The deadline of a request, in ms. */
  timeoutMs?: number | undefined
  /** The deadline of a request that tries whether the subgraph is back, in ms. */
  trialMs?: number
  /** How long the breaker is open at first, in ms. */
  openMs?: number
  log: Logger
}

export type IsolatedUpstream = Upstream & { status(): IsolationStatus }

export type IsolationStatus = {
  /** `half-open`: a request tries whether the subgraph is back. */
  breaker: 'closed' | 'half-open' | 'open'
  /** Why it is not closed, and what happens next. */
  reason: string | undefined
  requests: number
  /** Requests that were not sent, because the breaker was open or too many were under way. */
  rejected: { open: number; full: number }
}

/** Shorter than a client waits (30 s), longer than a subgraph takes (11 s). So only a subgraph that hangs meets it. */
const TIMEOUT_MS = 12_000
const TRIAL_MS = 2_000
/** The breaker is open for 1 s at first, then for twice as long each time, up to 3 s. */
const FIRST_OPEN_MS = 1_000
const MAX_OPEN_MS = 3_000

/** No answer in time, and no other answer since the request began: the subgraph hangs. So does one that a trial cannot reach. */
class Hung extends AlkaidError {}

export function isolate(upstream: Upstream, options: IsolationOptions): IsolatedUpstream {
  const { maxRequests, timeoutMs = TIMEOUT_MS, trialMs = TRIAL_MS, openMs = FIRST_OPEN_MS, log } = options
  const { name } = upstream
  const rejected = { open: 0, full: 0 }
  let retryAt = 0
  let lastAnswerAt = 0
  let lastFailure = ''

  const backoff = {
    next({ attempt }: { attempt: number }) {
      // Several gateways must not try at the same moment.
      const duration = Math.min(openMs * 2 ** (attempt - 1), MAX_OPEN_MS) * (0.8 + 0.4 * Math.random())
      retryAt = Date.now() + duration
      return { duration, next: backoff.next }
    },
  }
  const breaker = circuitBreaker(handleType(Hung), { breaker: new ConsecutiveBreaker(1), halfOpenAfter: backoff })
  const compartment = bulkhead(maxRequests)
  breaker.onBreak(() => log.error({ subgraph: name }, `a subgraph hangs: ${lastFailure}`))
  breaker.onReset(() => log.warn({ subgraph: name }, 'a subgraph answers again'))

  const ask: Upstream['execute'] = async (request, headers) => {
    const isTrial = breaker.state === CircuitState.HalfOpen
    const ms = isTrial ? trialMs : timeoutMs
    const began = performance.now()
    try {
      const answer = await withDeadline(ms, upstream.execute(request, headers, ms), () => late(name, ms))
      lastAnswerAt = performance.now()
      return answer
    } catch (error) {
      if (!(error instanceof AlkaidError)) throw error
      if (isTrial && error.code === 'UNAVAILABLE') throw new Hung(error.code, error.message)
      if (error.code !== 'TIMEOUT') throw error
      if (lastAnswerAt > began) throw error // the request is expensive, but the subgraph answers others
      lastFailure = error.message
      throw new Hung(error.code, error.message)
    }
  }

  return {
    name,
    async execute(request, headers) {
      try {
        return await compartment.execute(() => breaker.execute(() => ask(request, headers)))
      } catch (error) {
        if (error instanceof BulkheadRejectedError) {
          rejected.full += 1
          const message = `The subgraph ${name} is busy: ${maxRequests} requests to it are under way. Try again`
          throw new AlkaidError('UNAVAILABLE', message)
        }
        if (!(error instanceof BrokenCircuitError)) throw error
        rejected.open += 1
        throw new AlkaidError('UNAVAILABLE', `The subgraph ${name} is out of reach: ${whatNext(lastFailure, retryAt)}`)
      }
    },
    status: () => ({
      breaker: STATES[breaker.state],
      reason: breaker.state === CircuitState.Closed ? undefined : whatNext(lastFailure, retryAt),
      requests: maxRequests - compartment.executionSlots,
      rejected: { ...rejected },
    }),
  }
}

const STATES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
} as const

function late(name: string, ms: number): AlkaidError {
  return new AlkaidError('TIMEOUT', `The subgraph ${name} did not answer within ${ms} ms`)
}

function whatNext(failure: string, retryAt: number): string {
  const seconds = Math.ceil((retryAt - Date.now()) / 1000)
  return `${failure}. It is tried again ${seconds > 0 ? `in ${seconds} s` : 'with the next request'}`
}

/** For `/readyz`: the gateway stays ready, since a subgraph costs only its own fields. Says which ones are degraded. */
export function isolationFinding(upstreams: readonly IsolatedUpstream[]): Finding {
  const statuses = upstreams.map(({ name, status }) => ({ name, ...status() }))
  return {
    ...Object.fromEntries(statuses.map(({ name, breaker, requests }) => [name, { breaker, requests }])),
    warning: statuses.flatMap(({ name, reason }) =>
      reason === undefined ? [] : `the fields of ${name} are UNAVAILABLE: ${reason}`,
    ),
  }
}

export function measureIsolation({ registry }: Metrics, upstreams: readonly IsolatedUpstream[]): void {
  const registers = [registry]
  new Gauge({
    name: 'alkaid_gateway_upstream_breaker_state',
    help: 'The circuit breaker of a subgraph: 0 closed, 1 half-open (a request tries whether it is back), 2 open.',
    labelNames: ['subgraph'],
    registers,
    collect() {
      for (const { name, status } of upstreams) {
        this.set({ subgraph: name }, ['closed', 'half-open', 'open'].indexOf(status().breaker))
      }
    },
  })
  new Gauge({
    name: 'alkaid_gateway_upstream_requests',
    help: 'Requests of the gateway to a subgraph that are under way.',
    labelNames: ['subgraph'],
    registers,
    collect() {
      for (const { name, status } of upstreams) this.set({ subgraph: name }, status().requests)
    },
  })
  new Counter({
    name: 'alkaid_gateway_upstream_rejected_total',
    help: 'Requests that the gateway did not send, because the breaker was open or too many were under way (full).',
    labelNames: ['subgraph', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const { name, status } of upstreams) {
        const { open, full } = status().rejected
        this.inc({ subgraph: name, reason: 'open' }, open)
        this.inc({ subgraph: name, reason: 'full' }, full)
      }
    },
  })
}
