// How the gateway's plans reach a subgraph, in this process or in another, with the caller's own token. A subgraph that
// fails or is too slow costs only its fields.

import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway'
import { AlkaidError } from '../common/errors.ts'
import type { GraphQLAnswer, GraphQLRequest, RequestHeaders } from '../common/graphql/subgraph.ts'
import type { Logger } from '../common/log.ts'
import { within } from '../common/within.ts'
import type { UpstreamTimer } from './watch.ts'

/** Whatever can execute a request: a subgraph in this process, or a client of one elsewhere. */
export type Upstream = {
  name: string
  execute(request: GraphQLRequest, headers: RequestHeaders): Promise<GraphQLAnswer>
}

export type GatewayContext = RequestHeaders

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
        const answer = await within(
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
        return { errors: [shown.toJSON()] } as never
      }
    },
  }
}

function tooLate(name: string): AlkaidError {
  return new AlkaidError('TIMEOUT', `The subgraph ${name} did not answer within ${UPSTREAM_TIMEOUT_MS} ms`)
}
