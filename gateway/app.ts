// The gateway. Admin frontends send a token: their operations are planned and sent to the subgraphs. Apps send an app key: their
// requests go unchanged to the lane that has their operation.

import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import type { TokenVerifier } from '../common/access/tokens.ts'
import { AlkaidError, InvalidRequest } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import type { Metrics } from '../common/base/metrics.ts'
import { knownCode, thrownErrors } from '../common/base/shown-errors.ts'
import { maskErrors, observeOperations } from '../common/graphql/apollo-plugins.ts'
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from '../common/graphql/query-limits.ts'
import { answerOptions, withCors } from '../common/http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http/server.ts'
import { responseType } from '../common/lane/reply.ts'
import type { Checks } from '../common/service/health.ts'
import { createAdmission } from './admission.ts'
import { isGatewayFailure, maskRequestError, serveApollo, statusFromErrors } from './apollo-http.ts'
import { isolate, isolationFinding, measureIsolation } from './isolation.ts'
import { createPlanner, quiet } from './planner.ts'
import { createRelay, type RelayLane } from './relay.ts'
import type { Sandbox } from './sandbox.ts'
import { type GatewayContext, type Upstream, upstreamTimer } from './upstream.ts'

export type GatewayOptions = {
  supergraphSdl: string
  upstreams: readonly Upstream[]
  /** Requests under way at one upstream. */
  maxUpstreamRequests: number
  /** How long a request to an upstream may take. Default: 12 s. */
  upstreamTimeoutMs?: number
  lanes: readonly RelayLane[]
  verify: TokenVerifier
  /** How much one query may ask for. By default as in the settings. */
  limits?: QueryLimits
  production: boolean
  /** Origins of pages that may call with a token. */
  corsOrigins: readonly string[]
  /** Undefined in production. */
  sandbox: Sandbox | undefined
  log: Logger
  metrics: Metrics
}

export type Gateway = {
  handle(request: HttpRequest): HttpReply | Promise<HttpReply>
  /** Which subgraphs are degraded. */
  checks: Checks
  stop(): Promise<void>
}

export async function buildGateway(options: GatewayOptions): Promise<Gateway> {
  const { supergraphSdl, upstreams, verify, limits = DEFAULT_QUERY_LIMITS, production, log, metrics } = options
  const { maxUpstreamRequests: maxRequests, upstreamTimeoutMs: timeoutMs } = options
  const isolation = { maxRequests, timeoutMs, log }
  const isolated = upstreams.map((upstream) => isolate(upstream, isolation))
  measureIsolation(metrics, isolated)
  const timer = upstreamTimer(metrics)
  const { schema, gateway } = await createPlanner({ supergraphSdl, upstreams: isolated, timer, log })
  const admission = createAdmission({ schema, verify, limits, production })
  const server = new ApolloServer<GatewayContext>({
    gateway,
    introspection: !production,
    includeStacktraceInErrorResponses: false,
    formatError: (formatted) => maskRequestError(formatted),
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    documentStore: admission.store, // admitted documents are already parsed and validated
    plugins: [
      maskErrors(log, {
        requestIdOf: ({ requestId }) => requestId,
        needsLog: isGatewayFailure,
        logMessage: 'the gateway failed',
        withoutSuggestions: production,
      }),
      statusFromErrors,
      observeOperations('gateway', log, metrics),
      ApolloServerPluginLandingPageDisabled(), // `sandbox` is our own page
    ],
    stopOnTerminationSignals: false,
    logger: quiet(log),
  })
  await server.start()
  const relay = createRelay(options.lanes)
  const adminOrigins = new Set(options.corsOrigins)

  /** Never rejects, so that every answer gets its CORS headers. */
  async function answerAdmin(request: HttpRequest): Promise<HttpReply> {
    try {
      return withChallenge(request, await serveApollo(server, admission, request))
    } catch (error) {
      const isExpected = error instanceof AlkaidError || error instanceof InvalidRequest
      if (!isExpected) log.error({ err: error }, 'the gateway failed')
      for (const shown of thrownErrors(error, request.requestId)) metrics.error('gateway', knownCode(shown))
      return withChallenge(request, errorReply(error, request.requestId, responseType(request)))
    }
  }

  async function answerWithCors(request: HttpRequest): Promise<HttpReply> {
    const { origin } = request.headers
    return withCors(await answerAdmin(request), origin, origin !== undefined && adminOrigins.has(origin))
  }

  return {
    handle(request) {
      if (request.method === 'OPTIONS') {
        return answerOptions(request, (page) => adminOrigins.has(page) || relay.allowsOrigin(page))
      }
      return relay.handle(request) ?? options.sandbox?.(request) ?? answerWithCors(request)
    },
    checks: { breakers: () => isolationFinding(isolated) },
    stop: () => server.stop(),
  }
}

/** Adds to a 401 how to authenticate (RFC 6750, section 3). */
function withChallenge({ headers }: HttpRequest, reply: HttpReply): HttpReply {
  if (reply.status !== 401) return reply
  const challenge = `Bearer realm="alkaid"${headers.authorization === undefined ? '' : ', error="invalid_token"'}`
  return { ...reply, headers: { ...reply.headers, 'www-authenticate': challenge } }
}
