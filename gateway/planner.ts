// The Apollo gateway behind Apollo Server. It makes query plans and runs them over the upstreams. It gets only admitted documents
// and variables, and each operation without its literals (`without-literals.ts`).

import { ApolloGateway } from '@apollo/gateway'
import type { ApolloServerOptionsWithGateway } from '@apollo/server'
import type { DocumentNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import type { Logger } from '../common/base/log.ts'
import { checkScalars } from '../common/graphql/scalars.ts'
import { type GatewayContext, type Upstream, type UpstreamTimer, upstreamDataSource } from './upstream.ts'
import { type PlanInput, withoutLiterals } from './without-literals.ts'

export type PlannerOptions = {
  supergraphSdl: string
  upstreams: readonly Upstream[]
  timer: UpstreamTimer
  log: Logger
}

export type Planner = {
  /** The schema that clients see. */
  schema: GraphQLSchema
  /** For Apollo Server. */
  gateway: NonNullable<ApolloServerOptionsWithGateway<GatewayContext>['gateway']>
}

export async function createPlanner({ supergraphSdl, upstreams, timer, log }: PlannerOptions): Promise<Planner> {
  // Without this, Apollo Gateway asks the metadata services of clouds, and reports to Apollo every hour. There is no other switch.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true'
  const named = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
  const apollo = new ApolloGateway({
    supergraphSdl,
    buildService({ name }) {
      const upstream = named.get(name)
      if (!upstream)
        throw new Error(
          `The supergraph names a subgraph ${name}, but the gateway has no upstream of that name: run \`npm run generate\``,
        )
      return upstreamDataSource(upstream, log, timer)
    },
    logger: quiet(log),
  })
  const { schema, executor } = await apollo.load()
  checkScalars(schema)
  const planInputOf = createPlanInputs(schema)

  return {
    schema,
    gateway: {
      onSchemaLoadOrUpdate(callback) {
        callback({ apiSchema: schema, coreSupergraphSdl: supergraphSdl })
        return () => {} // the supergraph comes from a file and never changes
      },
      load: async () => ({
        executor(requestContext) {
          const { document, operation, request, context } = requestContext
          const { hash, variables, ...plan } = planInputOf(document, operation)
          const values = variables((context as GatewayContext).variables)
          return executor({ ...requestContext, ...plan, queryHash: hash, request: { ...request, variables: values } })
        },
      }),
      stop: () => apollo.stop(),
    },
  }
}

/** Rewrites each operation once. The WeakMap drops the result together with the document, when `Documents` drops that. */
function createPlanInputs(
  schema: GraphQLSchema,
): (document: DocumentNode, operation: OperationDefinitionNode) => PlanInput {
  const cache = new WeakMap<OperationDefinitionNode, PlanInput>()
  return (document, operation) => {
    const planInput = cache.get(operation) ?? withoutLiterals(schema, document, operation)
    cache.set(operation, planInput)
    return planInput
  }
}

/** Apollo's log, one level lower for debug and info: these lines do not help those who run Alkaid. */
export function quiet(log: Logger) {
  return {
    debug: (message?: string) => log.trace(message),
    info: (message?: string) => log.debug(message),
    warn: (message?: string) => log.warn(message),
    error: (message?: string) => log.error(message),
  }
}
