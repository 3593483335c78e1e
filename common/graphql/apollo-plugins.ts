// What every Apollo Server of Alkaid (the gateway and each subgraph) does around an operation: it counts and times the operation,
// logs unexpected errors, and masks all errors before the answer leaves.

import type { ApolloServerPlugin, BaseContext } from '@apollo/server'
import { type GraphQLError, type GraphQLFormattedError, Kind, type OperationDefinitionNode } from 'graphql'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { hideSuggestions, knownCode, shownErrors } from '../base/shown-errors.ts'

/**
 * Counts and times each operation, counts the codes of its errors and the outcome of each mutation, and logs it at debug.
 * @param service a subgraph, or `gateway`. Mutations are counted in subgraphs only, so that each counts once.
 */
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
          if (metrics && operation && type === 'mutation' && service !== 'gateway') {
            countMutations(metrics, operation, errors)
          }
          log.debug({ type, operation: operationName, ms: Number(ms.toFixed(2)), codes }, 'operation')
        },
      }
    },
  }
}

/** Each mutation has its own outcome. An error without a path stopped the operation before any of them ran. */
function countMutations(
  metrics: Metrics,
  operation: OperationDefinitionNode,
  errors: readonly GraphQLFormattedError[],
): void {
  const general = errors.find(({ path }) => path === undefined)
  for (const field of operation.selectionSet.selections) {
    if (field.kind !== Kind.FIELD || field.name.value.startsWith('__')) continue
    const key = field.alias?.value ?? field.name.value
    // A longer path is an error in a field of the mutation's answer. The mutation itself has succeeded.
    const own = errors.find(({ path }) => path?.length === 1 && path[0] === key) ?? general
    metrics.mutation(field.name.value, own ? knownCode(own) : 'ok')
  }
}

export type ErrorMasking<Context> = {
  requestIdOf(context: Context): string
  /** Whether an error is unexpected and was not logged elsewhere. */
  needsLog(error: GraphQLError): boolean
  /** The message of the log line. */
  logMessage: string
  /** Removes "Did you mean ...?", which would show parts of the schema. */
  withoutSuggestions?: boolean
}

/** The one place where an Apollo Server masks errors. Clients see only the codes of the table in `common/base/errors.ts`. */
export function maskErrors<Context extends BaseContext>(
  log: Logger,
  { requestIdOf, needsLog, logMessage, withoutSuggestions = false }: ErrorMasking<Context>,
): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      return {
        async didEncounterErrors({ errors, contextValue }) {
          const requestId = requestIdOf(contextValue)
          for (const error of errors.filter(needsLog)) {
            log.error({ err: error.originalError ?? error, path: error.path, requestId }, logMessage)
          }
        },
        async willSendResponse({ response, contextValue }) {
          if (response.body.kind !== 'single' || !response.body.singleResult.errors) return
          const shown = shownErrors(response.body.singleResult.errors, requestIdOf(contextValue))
          response.body.singleResult.errors = withoutSuggestions ? shown.map(withoutSuggestion) : shown
        },
      }
    },
  }
}

function withoutSuggestion(error: GraphQLFormattedError): GraphQLFormattedError {
  return { ...error, message: hideSuggestions(error.message) }
}
