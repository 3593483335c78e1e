// The paths of a service's HTTP server: `/graphql` for those who have one, `/federation` for the gateway, `/livez` and
// `/readyz`. Whoever watches over the process has a port of its own, with `/metrics` beside the last two, since metrics
// cost far more than a slot query and tell strangers too much. Every answer is logged and timed by its route.

import { methodNotAllowed } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Refusal } from '../http/connections.ts'
import { type Handler, type HttpRequest, json, type ListenOptions } from '../http/server.ts'
import type { Life } from './ending.ts'
import { type Checks, readiness } from './health.ts'

export type ServiceParts = {
  /** The page at `/`. */
  home?: Handler | undefined
  graphql?: Handler | undefined
  federation?: Handler | undefined
  checks: Checks
}

const ROUTES = ['/', '/graphql', '/federation', '/livez', '/readyz', '/metrics']
const METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS']

export function serviceRoutes({ home, graphql, federation, checks }: ServiceParts): Handler {
  return routes({
    '/': home && { methods: READ, handle: home },
    '/graphql': graphql && { methods: ['GET', 'HEAD', 'POST', 'OPTIONS'], handle: graphql },
    '/federation': federation && { methods: ['POST'], handle: federation },
    '/livez': { methods: READ, handle: alive },
    '/readyz': { methods: READ, handle: () => readiness(checks) },
  })
}

/** For the port of whoever watches over the process. `checks`: of a process that runs. */
export function watchRoutes({ registry }: Metrics, life: Life, checks: () => Checks): Handler {
  const render = onceAtATime(() => registry.metrics())
  return routes({
    '/livez': { methods: READ, handle: alive },
    '/readyz': {
      methods: READ,
      handle: () => (life.phase === 'running' ? readiness(checks()) : notReady(life)),
    },
    '/metrics': {
      methods: READ,
      handle: async () => ({
        status: 200,
        headers: { 'content-type': registry.contentType },
        body: await render(),
      }),
    },
  })
}

type Route = { methods: readonly string[]; handle: Handler }

const READ = ['GET', 'HEAD']

/** A handler never sees HEAD: it is asked with GET, and the server leaves out the body. */
function routes(table: Record<string, Route | undefined>): Handler {
  const known = new Map(Object.entries(table).flatMap(([path, route]) => (route ? [[path, route] as const] : [])))
  const paths = [...known.keys()].join(', ')
  return (request) => {
    const route = known.get(request.path)
    if (!route) return json(404, { error: `There is nothing at ${request.path}; there is something at ${paths}` })
    const { methods, handle } = route
    if (!methods.includes(request.method)) throw methodNotAllowed(request.method, methods)
    return handle(request.method === 'HEAD' ? { ...request, method: 'GET' } : request)
  }
}

/**
 * Whoever asks while it is being worked out gets the same answer, as does who asks in the same turn of the event loop: however
 * many ask, it is worked out once a turn, and other work comes in between.
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

/** A handler that says "starting" until it becomes another, and is not ready any more once the process ends. */
export function startingUp(life: Life): { handle: Handler; become(handler: Handler): void } {
  let current: Handler = ({ path }) => (path === '/livez' ? alive() : notReady(life))
  return {
    handle: (request) => (life.phase === 'ending' && request.path === '/readyz' ? notReady(life) : current(request)),
    become(handler) {
      current = handler
    },
  }
}

/** For `listen`: a line for every answer, and its time. Paths and methods that nobody serves are not told apart. */
export function observeHttp(log: Logger, metrics: Metrics): Pick<ListenOptions, 'onAnswer' | 'onRefusal'> {
  const warn = sparingly(log)
  return {
    onAnswer(request: HttpRequest, status: number, ms: number) {
      const route = ROUTES.includes(request.path) ? request.path : 'other'
      const method = METHODS.includes(request.method) ? request.method : 'other'
      metrics.request(route, method, status, ms)
      // The lane is hot: no object for a line that nobody wants.
      if (log.isLevelEnabled('info')) log.info({ method, route, status, ms: Number(ms.toFixed(2)) }, 'request')
      if (REFUSED.has(status)) warn(`${status} ${route}`, { method, route, status }, 'request refused')
    },
    onRefusal(reason: Refusal) {
      metrics.refusal(reason)
      warn(reason, { reason }, 'connection refused')
    },
  }
}

/** What a client that is set up wrongly goes on to get: too long, and of another type. */
const REFUSED: ReadonlySet<number> = new Set([413, 415])
const SPARINGLY_MS = 10_000

/** At most one line in ten seconds for each `key`, of which there are few; it says how many it stands for. */
function sparingly(log: Logger) {
  const told = new Map<string, { at: number; since: number }>()
  return (key: string, details: object, message: string) => {
    const last = told.get(key)
    const now = performance.now()
    if (last && now - last.at < SPARINGLY_MS) {
      last.since += 1
      return
    }
    log.warn({ ...details, times: 1 + (last?.since ?? 0) }, message)
    told.set(key, { at: now, since: 0 })
  }
}

function alive() {
  return json(200, { alive: true })
}

function notReady({ phase }: Life) {
  return json(503, { ready: false, reasons: [phase] }, { 'cache-control': 'no-store' })
}
