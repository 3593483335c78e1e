// The gateway: admin frontends with a token go through the Apollo gateway and its query plans; apps with an app key
// are relayed straight to the lane that answers their operation.

import { ApolloGateway } from '@apollo/gateway'
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import { ApolloArmor } from '@escape.tech/graphql-armor'
import type { TokenVerifier } from '../common/auth.ts'
import { answerOptions, withCors } from '../common/cors.ts'
import { AlkaidError } from '../common/errors.ts'
import { observeOperations } from '../common/graphql/observe.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http.ts'
import type { Lane } from '../common/lane/lane.ts'
import type { Logger } from '../common/log.ts'
import type { Metrics } from '../common/metrics.ts'
import { type GatewayContext, type Upstream, upstreamDataSource } from './data-source.ts'
import { serveApollo } from './http.ts'
import { maskErrors, maskRequestError } from './mask-errors.ts'
import { createRelay } from './relay.ts'
import { requireToken } from './require-token.ts'
import type { Sandbox } from './sandbox.ts'
import { upstreamTimer } from './watch.ts'

export type GatewayOptions = {
  supergraphSdl: string
  upstreams: readonly Upstream[]
  lanes: readonly Lane[]
  verify: TokenVerifier
  production: boolean
  /** From which browsers may call with a token. */
  corsOrigins: readonly string[]
  /** Undefined: none. */
  sandbox: Sandbox | undefined
  log: Logger
  metrics: Metrics
}

export type Gateway = { handle(request: HttpRequest): Promise<HttpReply>; stop(): Promise<void> }

const MAX_TOKENS = 5_000

export async function buildGateway(options: GatewayOptions): Promise<Gateway> {
  const { supergraphSdl, production, log, metrics } = options
  const timer = upstreamTimer(metrics)
  const upstreams = new Map(options.upstreams.map((upstream) => [upstream.name, upstream]))
  const gateway = new ApolloGateway({
    supergraphSdl,
    buildService({ name }) {
      const upstream = upstreams.get(name)
      if (!upstream) throw new Error(`The supergraph names a subgraph ${name}, which the gateway was not given`)
      return upstreamDataSource(upstream, log, timer)
    },
    logger: quiet(log),
  })
  const armor = new ApolloArmor({
    maxDepth: { n: 16, ignoreIntrospection: true },
    maxAliases: { n: 15 },
    maxDirectives: { n: 50 },
    maxTokens: { enabled: false }, // `parseOptions` below: it would parse everything once more, and answer 500
    costLimit: { enabled: false }, // lists are bounded by `first`, depth and tokens
    blockFieldSuggestion: { enabled: production },
  }).protect()
  // The library types its plugins for the CommonJS build of the same Apollo Server.
  const armorPlugins = armor.plugins as unknown as ApolloServerPlugin<GatewayContext>[]
  const server = new ApolloServer<GatewayContext>({
    gateway,
    introspection: !production,
    includeStacktraceInErrorResponses: false,
    // For what Apollo Server answers before an operation begins; the rest is masked with its request id.
    formatError: (formatted) => maskRequestError(formatted),
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    validationRules: armor.validationRules,
    parseOptions: { maxTokens: MAX_TOKENS },
    plugins: [
      ...armorPlugins,
      requireToken(options.verify),
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
      return await serveApollo(server, request)
    } catch (error) {
      if (!(error instanceof AlkaidError)) log.error({ err: error }, 'the gateway failed')
      return errorReply(error, request.requestId)
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

/** Apollo's informational lines are of no use to those who run Alkaid. */
function quiet(log: Logger) {
  return {
    debug: (message?: string) => log.trace(message),
    info: (message?: string) => log.debug(message),
    warn: (message?: string) => log.warn(message),
    error: (message?: string) => log.error(message),
  }
}
