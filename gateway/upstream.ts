// An upstream is a subgraph as query plans reach it: a function call in this process, or HTTP to another one
// (`remote-service.ts`). It gets the caller's own token. A subgraph that fails costs only its own fields. `isolation.ts` adds to an
// upstream what bounds its time and its requests.

import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway'
import { Kind, type OperationDefinitionNode, parse } from 'graphql'
import { Histogram } from 'prom-client'
import { AlkaidError } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import { DURATION_BUCKETS, type Metrics } from '../common/base/metrics.ts'
import type { GraphQLAnswer, GraphQLRequest, RequestHeaders } from '../common/graphql/subgraph.ts'
import type { Variables } from '../common/graphql/variables.ts'

export type Upstream = {
  name: string
  /** @param timeoutMs how long the caller waits. An upstream in this process may ignore it. */
  execute(request: GraphQLRequest, headers: RequestHeaders, timeoutMs?: number): Promise<GraphQLAnswer>
}

/** The context of one client request. `variables`: the coerced ones. */
export type GatewayContext = RequestHeaders & { variables: Variables }

/** Called for each request to a subgraph. `outcome`: `ok`, or the code of the error. */
export type UpstreamTimer = (subgraph: string, outcome: string, ms: number) => void

/** The upstream in the form that Apollo's gateway takes. Never rejects: a failure is an answer with errors. */
export function upstreamDataSource(
  upstream: Upstream,
  log: Logger,
  timer: UpstreamTimer,
): GraphQLDataSource<GatewayContext> {
  const { name } = upstream
  return {
    async process({ request, context }: GraphQLDataSourceProcessOptions<GatewayContext>) {
      const { query = '', variables, operationName } = request
      const { authorization, requestId } = context as GatewayContext
      const began = performance.now()
      try {
        const answer = await upstream.execute({ query, variables, operationName }, { authorization, requestId })
        timer(name, 'ok', performance.now() - began)
        return answer as never
      } catch (error) {
        const isExpected = error instanceof AlkaidError
        if (!isExpected) log.error({ err: error, subgraph: name, requestId }, 'subgraph failed')
        const shown = isExpected ? error : new AlkaidError('UNAVAILABLE', `The subgraph ${name} is out of reach`)
        timer(name, shown.code, performance.now() - began)
        return { errors: pathsOf(query, variables).map((path) => ({ ...shown.toJSON(), path })) } as never
      }
    },
  }
}

/**
 * The paths of a failed request to a subgraph: one for each root field, or for each entity. So every null in the client's answer
 * has its own error. Apollo's gateway translates these paths into paths of the client's answer.
 * Example: `{ slots { id } apps { id } }` -> `[['slots'], ['apps']]`; two entities -> `[['_entities', 0], ['_entities', 1]]`.
 */
function pathsOf(query: string, variables: Record<string, unknown> | undefined): (string | number)[][] {
  const fields = rootFieldsOf(query)
  const representations = variables?.representations
  if (fields[0] !== '_entities' || !Array.isArray(representations)) return fields.map((field) => [field])
  return representations.map((_, index) => ['_entities', index])
}

function rootFieldsOf(query: string): string[] {
  const operation = parse(query, { noLocation: true }).definitions.find(
    (part): part is OperationDefinitionNode => part.kind === Kind.OPERATION_DEFINITION,
  )
  const selections = operation?.selectionSet.selections ?? []
  return selections.flatMap((field) => (field.kind === Kind.FIELD ? [field.alias?.value ?? field.name.value] : []))
}

/** Records how long subgraphs take to answer the gateway. */
export function upstreamTimer({ registry }: Metrics): UpstreamTimer {
  const durations = new Histogram({
    name: 'alkaid_gateway_upstream_duration_seconds',
    help: 'Time until a subgraph answered the gateway, by subgraph and outcome: ok, or the code of the error.',
    labelNames: ['subgraph', 'outcome'],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  })
  return (subgraph, outcome, ms) => durations.observe({ subgraph, outcome }, ms / 1000)
}
