// The Apollo gateway: plans what the subgraphs are asked, and asks them. It plans operations without their literals, and
// sees only documents and variables that were admitted.

import { ApolloGateway } from '@apollo/gateway'
import type { ApolloServerOptionsWithGateway } from '@apollo/server'
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import type { Logger } from '../common/base/log.ts'
import { checkScalars } from '../common/graphql/scalars.ts'
import { type GatewayContext, type Upstream, type UpstreamTimer, upstreamDataSource } from './upstream.ts'
import { type Planned, withoutLiterals } from './without-literals.ts'

export type PlannerOptions = {
  supergraphSdl: string
  upstreams: readonly Upstream[]
  timer: UpstreamTimer
  log: Logger
}

export type Planner = {
  /** What clients see of the supergraph. */
  schema: GraphQLSchema
  /** For Apollo Server. */
  gateway: NonNullable<ApolloServerOptionsWithGateway<GatewayContext>['gateway']>
}

export async function createPlanner({ supergraphSdl, upstreams, timer, log }: PlannerOptions): Promise<Planner> {
  // Otherwise it asks the metadata services of clouds where it runs, and reports to Apollo every hour. It can be told so by
  // this variable alone.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true'
  const named = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  const apollo = new ApolloGateway({
    supergraphSdl,
    buildService({ name }) {
      const upstream = named.get(name)
      if (!upstream) throw new Error(`The supergraph names a subgraph ${name}, which the gateway was not given`)
      return upstreamDataSource(upstream, log, timer)
    },
    logger: quiet(log),
  })
  const { schema, executor } = await apollo.load()
  checkScalars(schema)
  const planned = plannedOnce(schema)

  return {
    schema,
    gateway: {
      onSchemaLoadOrUpdate(callback) {
        callback({ apiSchema: schema, coreSupergraphSdl: supergraphSdl })
        return () => {} // it is a file: it never changes
      },
      load: async () => ({
        executor(requestContext) {
          const { document, operation, request, context } = requestContext
          const { hash, variables, ...plan } = planned(document, operation)
          const values = variables((context as GatewayContext).variables)
          return executor({ ...requestContext, ...plan, queryHash: hash, request: { ...request, variables: values } })
        },
      }),
      stop: () => apollo.stop(),
    },
  }
}

/** An operation is rewritten once, as long as its document is kept. */
function plannedOnce(schema: GraphQLSchema): (document: DocumentNode, operation: OperationDefinitionNode) => Planned {
  const known = new WeakMap<OperationDefinitionNode, Planned>()
  return (document, operation) => {
    const planned = known.get(operation) ?? withoutLiterals(schema, document, operation)
    known.set(operation, planned)
    return planned
  }
}

/** Apollo's informational lines are of no use to those who run Alkaid. */
export function quiet(log: Logger) {
  return {
    debug: (message?: string) => log.trace(message),
    info: (message?: string) => log.debug(message),
    warn: (message?: string) => log.warn(message),
    error: (message?: string) => log.error(message),
  }
}
