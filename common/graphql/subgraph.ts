// A subgraph: its SDL with the shared part, its resolvers, and an Apollo Server that runs it. Every subgraph
// verifies the caller's token itself; the gateway is no trust boundary.

import { readFileSync } from 'node:fs'
import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled'
import { buildSubgraphSchema } from '@apollo/subgraph'
import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLScalarType,
  type GraphQLSchema,
  parse,
} from 'graphql'
import type { TokenVerifier } from '../access/tokens.ts'
import { AlkaidError, InvalidRequest, isExpected, thrownErrors } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { requireShallow } from '../command/json.ts'
import type { Caller, Services } from '../command/services.ts'
import type { IndexDefinition } from '../store/collection.ts'
import { maskErrors, observeOperations } from './apollo-plugins.ts'
import { createDocuments } from './documents.ts'
import type { QueryLimits } from './query-limits.ts'
import { scalars } from './scalars.ts'
import { checkRepresentations, limitLists } from './schema-guards.ts'
import { readTextArguments } from './text-arguments.ts'
import { requireFewCopies } from './variables.ts'

// biome-ignore lint/suspicious/noExplicitAny: GraphQL hands resolvers what the SDL says, which TypeScript cannot see
export type Resolver<Context> = (parent: any, args: any, context: Context) => unknown
export type Resolvers<Context> = Record<string, Record<string, Resolver<Context> | object> | GraphQLScalarType>

/** What resolvers get: who calls, and loaders made for this request alone. */
export type SubgraphContext<Loaders> = { caller: Caller; loaders: Loaders }

export type SubgraphDefinition<Loaders = unknown> = {
  name: string
  /** The file of its SDL. */
  schema: URL
  indexes: readonly IndexDefinition[]
  resolvers(services: Services): Resolvers<SubgraphContext<Loaders>>
  loaders(services: Services, caller: Caller): Loaders
}

export type GraphQLRequest = {
  query: string
  variables?: Record<string, unknown> | undefined
  operationName?: string | undefined
}
export type GraphQLAnswer = { data?: Record<string, unknown> | null; errors?: readonly GraphQLFormattedError[] }
export type RequestHeaders = { authorization?: string | undefined; requestId: string }

export type Subgraph = {
  name: string
  graphQLSchema: GraphQLSchema
  execute(request: GraphQLRequest, headers: RequestHeaders): Promise<GraphQLAnswer>
  stop(): Promise<void>
}

/** The SDL of a subgraph as composition and execution see it. */
export function readTypeDefs(schema: URL): DocumentNode {
  const shared = readFileSync(new URL('./shared.graphql', import.meta.url), 'utf8')
  return parse(`${shared}\n${readFileSync(schema, 'utf8')}`)
}

/** A subgraph over the store: makes its indexes, then runs it. */
export async function buildSubgraph<Loaders>(
  definition: SubgraphDefinition<Loaders>,
  services: Services,
  verify: TokenVerifier,
): Promise<Subgraph> {
  await services.store.ensureIndexes(definition.indexes)
  const { name, schema } = definition
  const resolvers = definition.resolvers(services)
  const loaders = (caller: Caller) => definition.loaders(services, caller)
  const parts = { name, schema, resolvers, loaders, limitLists: true, readTexts: true }
  return runSubgraph(parts, services.log, verify, services.metrics)
}

export type SubgraphParts<Loaders> = {
  name: string
  schema: URL
  resolvers: Resolvers<SubgraphContext<Loaders>>
  loaders(caller: Caller): Loaders
  /** Whether lists in lists are held to a number of items; else the resolvers bound them. */
  limitLists?: boolean
  /** Whether arguments are held to the rule for text; else the resolvers do it. */
  readTexts?: boolean
}

/** The gateway holds clients to far less. Its plans ask for more than they did: keys, types, a condition on every part of what has one. */
const PLAN_LIMITS: QueryLimits = {
  tokens: 500_000,
  nameLength: 1_000,
  braces: 1_000,
  depth: 100,
  aliases: 100_000,
  directives: 100_000,
  fields: 100_000,
  comparisons: 1_000_000,
}
/** Variables that do not fit: after so many, execution looks for no more. */
const MAX_COERCION_ERRORS = 10

/** A subgraph over whatever its resolvers hold. */
export async function runSubgraph<Loaders>(
  parts: SubgraphParts<Loaders>,
  log: Logger,
  verify: TokenVerifier,
  metrics?: Metrics,
): Promise<Subgraph> {
  const graphQLSchema = buildSubgraphSchema({
    typeDefs: readTypeDefs(parts.schema),
    resolvers: { ...scalars, ...parts.resolvers } as never,
  })
  checkRepresentations(graphQLSchema)
  if (parts.limitLists) limitLists(graphQLSchema)
  if (parts.readTexts) readTextArguments(graphQLSchema)
  // Behind the gateway: federation needs nothing of introspection, developers of Alkaid do.
  const documents = createDocuments({ schema: graphQLSchema, limits: PLAN_LIMITS, introspection: true })
  const server = new ApolloServer<SubgraphContext<Loaders>>({
    schema: graphQLSchema,
    documentStore: documents.store,
    executionOptions: { maxCoercionErrors: MAX_COERCION_ERRORS },
    introspection: true,
    includeStacktraceInErrorResponses: false,
    // Inline traces are for Apollo's own service, and saying so on standard output would spoil what commands print.
    plugins: [
      ApolloServerPluginInlineTraceDisabled(),
      maskErrors(log, {
        requestIdOf: ({ caller }) => caller.requestId,
        needsLog: isUnexpected,
        logMessage: 'resolver failed',
      }),
      observeOperations(parts.name, log, metrics),
    ],
    stopOnTerminationSignals: false,
  })
  await server.start()

  async function execute(request: GraphQLRequest, headers: RequestHeaders): Promise<GraphQLAnswer> {
    const { requestId } = headers
    try {
      const caller: Caller = { principal: await verify(headers.authorization), requestId }
      requireShallow(request.variables, 'variables')
      requireFewCopies(documents.read(request.query), request.variables ?? {})
      const contextValue = { caller, loaders: parts.loaders(caller) }
      const { body } = await server.executeOperation(request, { contextValue })
      if (body.kind !== 'single') throw new Error('Apollo Server gave an incremental answer, which nobody asked for')
      return body.singleResult as GraphQLAnswer
    } catch (error) {
      if (!(error instanceof AlkaidError || error instanceof InvalidRequest)) throw error
      return { errors: thrownErrors(error, requestId) }
    }
  }

  return { name: parts.name, graphQLSchema, execute, stop: () => server.stop() }
}

/** Errors without a path are about the request itself, for example its variables. */
function isUnexpected(error: GraphQLError): boolean {
  return error.path !== undefined && !isExpected(error.originalError ?? error) && !isExpected(error)
}
