// The paths of a service's HTTP server: `/graphql`, `/federation` (for the gateway), `/livez` and `/readyz`. `/metrics` is on a port
// of its own, because metrics cost far more than a slot query, and only operators may see them. Each answer is logged and timed.

import { methodNotAllowed } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { withRequestId } from '../base/request-id.ts'
import type { Refusal } from '../http/connections.ts'
import { type Handler, type HttpRequest, json, type ListenOptions } from '../http/server.ts'
import { type Checks, examine, type Readiness, readinessReply } from './health.ts'
import type { Lifecycle } from './shutdown.ts'

export type ServiceParts = {
  /** The page at `/`. */
  home?: Handler | undefined
  graphql?: Handler | undefined
  /** In place of `graphql`: a serving lane, which answers slot queries in the 'request' event (common/lane/lane.ts). */
  lane?: Handler | undefined
  federation?: Handler | undefined
  checks: Checks
}

const ROUTES = ['/', '/graphql', '/federation', '/livez', '/readyz', '/metrics']
const METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS']

export function serviceRoutes({ home, graphql, lane, federation, checks }: ServiceParts): Handler {
  return routes({
    '/': home && { methods: READ, handle: home },
    '/graphql': lane
      ? { methods: METHODS, handle: lane, isLane: true }
      : graphql && { methods: METHODS, handle: graphql },
    '/federation': federation && { methods: ['POST'], handle: federation },
    '/livez': { methods: READ, handle: alive },
    '/readyz': { methods: READ, handle: async () => readinessReply(await examine(checks)) },
  })
}

/** What METRICS_PORT tells: of this process, or of all workers of a cluster. */
export type Monitored = {
  readiness(): Promise<Readiness>
  metrics(): Promise<{ contentType: string; text: string }>
}

/** The paths on METRICS_PORT. */
export function monitoringRoutes({ readiness, metrics }: Monitored): Handler {
  const render = onceAtATime(metrics)
  return routes({
    '/livez': { methods: READ, handle: alive },
    '/readyz': { methods: READ, handle: async () => readinessReply(await readiness()) },
    '/metrics': {
      methods: READ,
      async handle() {
        const { contentType, text } = await render()
        return { status: 200, headers: { 'content-type': contentType }, body: text }
      },
    },
  })
}

/** What one process tells of itself. `checks` is called once the process runs. */
export function monitorProcess({ registry }: Metrics, life: Lifecycle, checks: () => Checks): Monitored {
  return {
    readiness: async () => (life.phase === 'running' ? examine(checks()) : phaseOf(life)),
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

type Route = {
  methods: readonly string[]
  handle: Handler
  /** A lane answers most requests at once, and enters the context of a request only when it has to wait. */
  isLane?: boolean
}

const READ = ['GET', 'HEAD']

/** A handler never sees HEAD. It gets GET instead, and the server leaves out the body. */
function routes(table: Record<string, Route | undefined>): Handler {
  const known = new Map(Object.entries(table).flatMap(([path, route]) => (route ? [[path, route] as const] : [])))
  const paths = [...known.keys()].join(', ')
  return (request) => {
    const route = known.get(request.path)
    if (!route) return json(404, { error: `There is nothing at ${request.path}. The paths are ${paths}` })
    const { methods, handle, isLane } = route
    if (!methods.includes(request.method)) throw methodNotAllowed(request.method, methods)
    const handled = request.method === 'HEAD' ? { ...request, method: 'GET' } : request
    return isLane ? handle(handled) : withRequestId(request.requestId, () => handle(handled))
  }
}

/**
 * Shares the result: calls during the work, or in the same turn of the event loop, get the same promise. So the work is done at
 * most once per turn, however many ask, and other work gets its turn in between.
 */
function onceAtATime<T>(work: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  return () => {
    current ??= work().finally(() =>
      setImmediate(() => {
        current = undefined
      }),
    )
    return current
  }
}

/** Answers "starting" until `become` is called with the real handler. `/readyz` answers 503 again once the process shuts down. */
export function startupRoutes(life: Lifecycle): { handle: Handler; become(handler: Handler): void } {
  let current: Handler = ({ path }) => (path === '/livez' ? alive() : notReady(life))
  return {
    handle: (request) => (life.phase === 'ending' && request.path === '/readyz' ? notReady(life) : current(request)),
    become(handler) {
      current = handler
    },
  }
}

/** For `listen`: logs and measures each answer. All unknown paths count as `other`, and so do unknown methods. */
export function observeHttp(log: Logger, metrics: Metrics): Pick<ListenOptions, 'onAnswer' | 'onRefusal'> {
  const warn = rateLimitedWarning(log)
  return {
    onAnswer(request: HttpRequest, status: number, ms: number) {
      const route = ROUTES.includes(request.path) ? request.path : 'other'
      const method = METHODS.includes(request.method) ? request.method : 'other'
      metrics.request(route, method, status, ms)
      // The lane is hot: it must not make an object for a line that is not logged.
      const { requestId } = request // the answer is reported outside the context of its request
      if (log.isLevelEnabled('info'))
        log.info({ requestId, method, route, status, ms: Number(ms.toFixed(2)) }, 'request')
      if (LOGGED_REFUSALS.has(status))
        warn(`${status} ${route}`, { requestId, method, route, status }, 'request refused')
    },
    onRefusal(reason: Refusal) {
      metrics.refusal(reason)
      warn(reason, { reason }, 'connection refused')
    },
  }
}

/** A client with a wrong configuration gets these again and again: 413 (too long) and 415 (wrong content type). */
const LOGGED_REFUSALS: ReadonlySet<number> = new Set([413, 415])
const WARN_EVERY_MS = 10_000

/** Logs at most one line in ten seconds for each `key`. `times` says how many events the line stands for. There are few keys. */
function rateLimitedWarning(log: Logger) {
  const logged = new Map<string, { at: number; since: number }>()
  return (key: string, details: object, message: string) => {
    const last = logged.get(key)
    const now = performance.now()
    if (last && now - last.at < WARN_EVERY_MS) {
      last.since += 1
      return
    }
    log.warn({ ...details, times: 1 + (last?.since ?? 0) }, message)
    logged.set(key, { at: now, since: 0 })
  }
}

function alive() {
  return json(200, { alive: true })
}

function notReady(life: Lifecycle) {
  return readinessReply(phaseOf(life))
}

/** Why a process that does not run is not ready: it is starting, or ending. */
export function phaseOf({ phase }: Lifecycle): Readiness {
  return { ready: false, reasons: [phase], warnings: [] }
}
