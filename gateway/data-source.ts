// How the gateway's plans reach a subgraph, in this process or in another, with the caller's own token. A subgraph that
// fails or is too slow costs only its fields.

import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway'
import { Kind, type OperationDefinitionNode, parse } from 'graphql'
import { withDeadline } from '../common/base/deadline.ts'
import { AlkaidError } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import type { GraphQLAnswer, GraphQLRequest, RequestHeaders } from '../common/graphql/subgraph.ts'
import type { Variables } from '../common/graphql/variables.ts'
import type { UpstreamTimer } from './watch.ts'

/** Whatever can execute a request: a subgraph in this process, or a client of one elsewhere. */
export type Upstream = {
  name: string
  execute(request: GraphQLRequest, headers: RequestHeaders): Promise<GraphQLAnswer>
}

/** Of a client's request; `variables` as they were admitted. */
export type GatewayContext = RequestHeaders & { variables: Variables }

/** Shorter than a client waits, longer than the store does. */
const UPSTREAM_TIMEOUT_MS = 12_000

export function upstreamDataSource(
  upstream: Upstream,
  log: Logger,
  timer: UpstreamTimer,
): GraphQLDataSource<GatewayContext> {
  return {
    async process({ request, context }: GraphQLDataSourceProcessOptions<GatewayContext>) {
      const { query = '', variables, operationName } = request
      const { authorization, requestId } = context as GatewayContext
      const began = performance.now()
      try {
        const answer = await withDeadline(
          UPSTREAM_TIMEOUT_MS,
          upstream.execute({ query, variables, operationName }, { authorization, requestId }),
          () => tooLate(upstream.name),
        )
        timer(upstream.name, 'ok', performance.now() - began)
        return answer as never
      } catch (error) {
        if (!(error instanceof AlkaidError))
          log.error({ err: error, subgraph: upstream.name, requestId }, 'subgraph failed')
        const shown =
          error instanceof AlkaidError
            ? error
            : new AlkaidError('UNAVAILABLE', `The subgraph ${upstream.name} is out of reach`)
        timer(upstream.name, shown.code, performance.now() - began)
        return { errors: pathsOf(query, variables).map((path) => ({ ...shown.toJSON(), path })) } as never
      }
    },
  }
}

/**
 * What a request to a subgraph asks for, as paths in its answer: its root fields, or each of the entities. Every null that a
 * client finds has so an error of its own; the gateway turns the paths into those of the client's answer.
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

function tooLate(name: string): AlkaidError {
  return new AlkaidError('TIMEOUT', `The subgraph ${name} did not answer within ${UPSTREAM_TIMEOUT_MS} ms`)
}
