// The gateway: admin frontends with a token go through the Apollo gateway and its query plans; apps with an app key
// are relayed straight to the lane that answers their operation.

import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import type { TokenVerifier } from '../common/access/tokens.ts'
import { AlkaidError, InvalidRequest, knownCode, thrownErrors } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import type { Metrics } from '../common/base/metrics.ts'
import { observeOperations } from '../common/graphql/observe.ts'
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from '../common/graphql/query-limits.ts'
import { answerOptions, withCors } from '../common/http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http/server.ts'
import { answerType, type Lane } from '../common/lane/lane.ts'
import { createAdmission } from './admission.ts'
import { serveApollo } from './apollo-http.ts'
import { maskErrors, maskRequestError } from './mask-errors.ts'
import { createPlanner, quiet } from './planner.ts'
import { createRelay } from './relay.ts'
import type { Sandbox } from './sandbox.ts'
import { type GatewayContext, type Upstream, upstreamTimer } from './upstream.ts'

export type GatewayOptions = {
  supergraphSdl: string
  upstreams: readonly Upstream[]
  lanes: readonly Lane[]
  verify: TokenVerifier
  /** Of what a client may ask for at once; by default as the settings have it. */
  limits?: QueryLimits
  production: boolean
  /** From which browsers may call with a token. */
  corsOrigins: readonly string[]
  /** Undefined: none. */
  sandbox: Sandbox | undefined
  log: Logger
  metrics: Metrics
}

export type Gateway = { handle(request: HttpRequest): Promise<HttpReply>; stop(): Promise<void> }

export async function buildGateway(options: GatewayOptions): Promise<Gateway> {
  const { supergraphSdl, upstreams, verify, limits = DEFAULT_QUERY_LIMITS, production, log, metrics } = options
  const { schema, gateway } = await createPlanner({ supergraphSdl, upstreams, timer: upstreamTimer(metrics), log })
  const admission = createAdmission({ schema, verify, limits, production })
  const server = new ApolloServer<GatewayContext>({
    gateway,
    introspection: !production,
    includeStacktraceInErrorResponses: false,
    // For what Apollo Server answers before an operation begins; the rest is masked with its request id.
    formatError: (formatted) => maskRequestError(formatted),
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    // What was admitted is there already, parsed and validated.
    documentStore: admission.store,
    plugins: [
      maskErrors(log, production),
      observeOperations('gateway', log, metrics),
      ApolloServerPluginLandingPageDisabled(), // pages are our own: `sandbox`
    ],
    stopOnTerminationSignals: false,
    logger: quiet(log),
  })
  await server.start()
  const relay = createRelay(options.lanes)
  const adminOrigins = new Set(options.corsOrigins)

  /** Whatever is wrong is answered here, so that a browser elsewhere may read it, too. */
  async function answer(request: HttpRequest): Promise<HttpReply> {
    try {
      return challenged(request, await serveApollo(server, admission, request))
    } catch (error) {
      const isExpected = error instanceof AlkaidError || error instanceof InvalidRequest
      if (!isExpected) log.error({ err: error }, 'the gateway failed')
      for (const shown of thrownErrors(error, request.requestId)) metrics.error('gateway', knownCode(shown))
      return challenged(request, errorReply(error, request.requestId, answerType(request)))
    }
  }

  return {
    async handle(request) {
      if (request.method === 'OPTIONS') {
        return answerOptions(request, (origin) => adminOrigins.has(origin) || relay.allowsOrigin(origin))
      }
      const shown = relay.handle(request) ?? options.sandbox?.(request)
      if (shown) return shown
      const { origin } = request.headers
      const isAllowed = origin !== undefined && adminOrigins.has(origin)
      return withCors(await answer(request), origin, isAllowed)
    },
    stop: () => server.stop(),
  }
}

/** Every 401 says how to show who one is (RFC 6750, 3). */
function challenged({ headers }: HttpRequest, reply: HttpReply): HttpReply {
  if (reply.status !== 401) return reply
  const challenge = `Bearer realm="alkaid"${headers.authorization === undefined ? '' : ', error="invalid_token"'}`
  return { ...reply, headers: { ...reply.headers, 'www-authenticate': challenge } }
}
