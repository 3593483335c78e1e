// The paths of a service's HTTP server: `/graphql` for those who have one, `/federation` for the gateway, and `/livez`,
// `/readyz` and `/metrics` for whoever watches over the process. Every answer is logged and timed by its route.

import { type Handler, type HttpRequest, json, type ListenOptions } from './http.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'
import { type Checks, readiness } from './readiness.ts'

export type ServiceParts = {
  graphql?: Handler | undefined
  federation?: Handler | undefined
  checks: Checks
  metrics: Metrics
}

const ROUTES = ['/', '/graphql', '/federation', '/livez', '/readyz', '/metrics']
const METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS']

export function serviceRoutes({ graphql, federation, checks, metrics }: ServiceParts): Handler {
  const table: Record<string, Handler | undefined> = {
    '/graphql': graphql,
    '/': graphql && (() => ({ status: 302, headers: { location: '/graphql' } })),
    '/federation': federation,
    '/livez': alive,
    '/readyz': () => readiness(checks),
    '/metrics': async () => ({
      status: 200,
      headers: { 'content-type': metrics.registry.contentType },
      body: await metrics.registry.metrics(),
    }),
  }
  const routes = new Map(Object.entries(table))
  const paths = [...routes].flatMap(([path, handler]) => (handler ? [path] : []))
  return (request) => {
    const handle = routes.get(request.path)
    if (handle) return handle(request)
    return json(404, { error: `There is nothing at ${request.path}; there is something at ${paths.join(', ')}` })
  }
}

/** A handler that says "starting" until it becomes another. */
export function startingUp(): { handle: Handler; become(handler: Handler): void } {
  let current: Handler = ({ path }) =>
    path === '/livez' ? alive() : json(503, { ready: false, reasons: ['starting'] })
  return {
    handle: (request) => current(request),
    become(handler) {
      current = handler
    },
  }
}

/** For `listen`: a line for every answer, and its time. Paths and methods that nobody serves are not told apart. */
export function answerObserver(log: Logger, metrics: Metrics): ListenOptions['onAnswer'] {
  return (request: HttpRequest, status: number, ms: number) => {
    const route = ROUTES.includes(request.path) ? request.path : 'other'
    const method = METHODS.includes(request.method) ? request.method : 'other'
    metrics.request(route, method, status, ms)
    // The lane is hot: no object for a line that nobody wants.
    if (log.isLevelEnabled('info')) log.info({ method, route, status, ms: Number(ms.toFixed(2)) }, 'request')
  }
}

function alive() {
  return json(200, { alive: true })
}
