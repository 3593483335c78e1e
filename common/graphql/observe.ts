// Tells of every GraphQL operation: a line at debug, its time, the codes of its errors, and what came of each mutation.

import type { ApolloServerPlugin, BaseContext } from '@apollo/server'
import { type GraphQLFormattedError, Kind, type OperationDefinitionNode } from 'graphql'
import { knownCode } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'

/** @param service a subgraph or the gateway. Mutations are counted where they happen: in subgraphs. */
export function observeOperations<Context extends BaseContext>(
  service: string,
  log: Logger,
  metrics: Metrics | undefined,
): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      const began = performance.now()
      return {
        async willSendResponse({ operation, operationName, response }) {
          const ms = performance.now() - began
          const errors = response.body.kind === 'single' ? (response.body.singleResult.errors ?? []) : []
          const codes = errors.map(knownCode)
          const type = operation?.operation ?? 'none'
          metrics?.operation(service, type, ms)
          for (const code of codes) metrics?.error(service, code)
          if (metrics && operation && type === 'mutation' && service !== 'gateway') count(metrics, operation, errors)
          log.debug({ type, operation: operationName, ms: Number(ms.toFixed(2)), codes }, 'operation')
        },
      }
    },
  }
}

/** Each by itself: one that failed before any resolver ran has failed with the whole. */
function count(metrics: Metrics, operation: OperationDefinitionNode, errors: readonly GraphQLFormattedError[]): void {
  const whole = errors.find(({ path }) => path === undefined)
  for (const field of operation.selectionSet.selections) {
    if (field.kind !== Kind.FIELD || field.name.value.startsWith('__')) continue
    const key = field.alias?.value ?? field.name.value
    // What is asked of its answer may fail, and it has happened all the same.
    const own = errors.find(({ path }) => path?.length === 1 && path[0] === key) ?? whole
    metrics.mutation(field.name.value, own ? knownCode(own) : 'ok')
  }
}
