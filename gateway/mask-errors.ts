// The last place where an error can be masked: what the table of codes does not have leaves as INTERNAL, and the log
// has it under the request's id.

import type { ApolloServerPlugin } from '@apollo/server'
import type { GraphQLFormattedError } from 'graphql'
import {
  ERROR_CODES,
  type ErrorCode,
  hideSuggestions,
  isExpected,
  maskError,
  REQUEST_ERRORS,
  shownErrors,
} from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import type { GatewayContext } from './upstream.ts'

export function maskErrors(log: Logger, production: boolean): ApolloServerPlugin<GatewayContext> {
  return {
    async requestDidStart() {
      return {
        async didEncounterErrors({ errors, contextValue: { requestId } }) {
          for (const error of errors) {
            // What a subgraph answered has a code of ours, and is in its own log; what has not went wrong here.
            const { code } = error.extensions
            if (isExpected(error.originalError) || (code !== undefined && code !== 'INTERNAL_SERVER_ERROR')) continue
            log.error({ err: error.originalError ?? error, path: error.path, requestId }, 'the gateway failed')
          }
        },
        async willSendResponse({ response, contextValue: { requestId } }) {
          if (response.body.kind !== 'single' || !response.body.singleResult.errors) return
          const shown = shownErrors(response.body.singleResult.errors, requestId)
          response.body.singleResult.errors = shown.map((error) =>
            production ? { ...error, message: hideSuggestions(error.message) } : error,
          )
          // A GET of a mutation is told what is allowed, with a status of its own.
          if (response.body.singleResult.data !== undefined || response.http.headers.has('allow')) return
          response.http.status = statusOf(response.body.singleResult)
        },
      }
    },
  }
}

/** Of an answer that is nothing but an error. */
function statusOf({ errors = [] }: { errors?: readonly GraphQLFormattedError[] }): number {
  return ERROR_CODES[(errors[0]?.extensions?.code ?? 'INTERNAL') as ErrorCode].status
}

/** Apollo's own codes for requests that are wrong in themselves become BAD_USER_INPUT; all others stay for the plugin. */
export function maskRequestError(formatted: GraphQLFormattedError): GraphQLFormattedError {
  return REQUEST_ERRORS.has(String(formatted.extensions?.code)) ? maskError(formatted, undefined) : formatted
}
