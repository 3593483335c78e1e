// The paths of the two HTTP servers: `/graphql`, and `/livez` and `/readyz` for whoever watches over the process.

import { type Handler, type HttpReply, type HttpRequest, json } from '../common/http.ts'
import type { Store } from '../common/store/store.ts'
import type { Gateway } from '../gateway/app.ts'
import type { Reconciliation } from '../subgraphs/delivery/reconcile.ts'
import type { Distribution } from '../subgraphs/distribution/app.ts'

/** A handler that says "starting" until it becomes another. */
export function startingUp(): { handle: Handler; become(handler: Handler): void } {
  let current: Handler = ({ path }) => (path === '/livez' ? alive() : json(503, { ready: false, reason: 'starting' }))
  return {
    handle: (request) => current(request),
    become(handler) {
      current = handler
    },
  }
}

export function gatewayRoutes(parts: { gateway: Gateway; store: Store; reconciliation: Reconciliation }): Handler {
  const { gateway, store, reconciliation } = parts
  return (request) => {
    if (request.path === '/graphql') return gateway.handle(request)
    if (request.path === '/') return { status: 302, headers: { location: '/graphql' } }
    if (request.path === '/livez') return alive()
    if (request.path === '/readyz') return gatewayReadiness(store, reconciliation)
    return notThere(request)
  }
}

export function distributionRoutes(distribution: Distribution): Handler {
  const { lane, sync } = distribution
  return (request) => {
    if (request.path === '/graphql') return lane.handle(request)
    if (request.path === '/livez') return alive()
    if (request.path === '/readyz') return json(sync.ready ? 200 : 503, sync.status())
    return notThere(request)
  }
}

async function gatewayReadiness(store: Store, reconciliation: Reconciliation): Promise<HttpReply> {
  const reachable = await store.ping().then(
    () => true,
    () => false,
  )
  return json(reachable ? 200 : 503, { ready: reachable, store: reachable, reconciliation: reconciliation.status() })
}

function alive(): HttpReply {
  return json(200, { alive: true })
}

function notThere({ path }: HttpRequest): HttpReply {
  return json(404, { error: `There is nothing at ${path}; GraphQL is at /graphql` })
}
