// The frame of a subgraph: it makes a schema of the SDL (with the shared part) and the resolvers, and runs it with Apollo Server.
// Every subgraph verifies the caller's token itself, since the gateway is not a trust boundary.

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
import { AlkaidError, InvalidRequest, isExpected } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { thrownErrors } from '../base/shown-errors.ts'
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

// biome-ignore lint/suspicious/noExplicitAny: the SDL decides what resolvers get, and TypeScript cannot see the SDL
export type Resolver<Context> = (parent: any, args: any, context: Context) => unknown
export type Resolvers<Context> = Record<string, Record<string, Resolver<Context> | object> | GraphQLScalarType>

/** The context of resolvers: the caller, and the loaders of this request. */
export type SubgraphContext<Loaders> = { caller: Caller; loaders: Loaders }

export type SubgraphDefinition<Loaders = unknown> = {
  name: string
  /** The file with its SDL. */
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

/** The SDL of a subgraph together with the shared SDL. Composition and execution use the same. */
export function readTypeDefs(schema: URL): DocumentNode {
  const shared = readFileSync(new URL('./shared.graphql', import.meta.url), 'utf8')
  return parse(`${shared}\n${readFileSync(schema, 'utf8')}`)
}

/** A subgraph over the store. Creates its indexes first. */
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
  /** Limits the list items of one answer (`schema-guards.ts`). Without it, the resolvers must limit them. */
  limitLists?: boolean
  /** Applies the rule for text to arguments (`text-arguments.ts`). Without it, the resolvers must apply it. */
  readTexts?: boolean
}

/** Limits for query plans. Clients get much lower ones at the gateway, but plans add keys, types and conditions to what they ask. */
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
/** Execution stops to look for wrong variables after this many. */
const MAX_COERCION_ERRORS = 10

/** A subgraph from its parts. It needs no store. */
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
  // Introspection is for developers of Alkaid. Clients do not reach a subgraph.
  const documents = createDocuments({ schema: graphQLSchema, limits: PLAN_LIMITS, introspection: true })
  const server = new ApolloServer<SubgraphContext<Loaders>>({
    schema: graphQLSchema,
    documentStore: documents.store,
    executionOptions: { maxCoercionErrors: MAX_COERCION_ERRORS },
    introspection: true,
    includeStacktraceInErrorResponses: false,
    // Inline traces are only for Apollo's own service. Unless disabled here, Apollo Server prints a line about them to standard output.
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
