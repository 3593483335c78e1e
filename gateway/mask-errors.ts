// The last place where an error can be masked: what the table of codes does not have leaves as INTERNAL, and the log
// has it under the request's id.

import type { ApolloServerPlugin } from '@apollo/server'
import type { GraphQLFormattedError } from 'graphql'
import { hideSuggestions, isExpected, maskError } from '../common/errors.ts'
import type { Logger } from '../common/log.ts'
import type { GatewayContext } from './data-source.ts'

export function maskErrors(log: Logger, production: boolean): ApolloServerPlugin<GatewayContext> {
  return {
    async requestDidStart() {
      return {
        async didEncounterErrors({ errors, contextValue: { requestId } }) {
          for (const error of errors) {
            // What a subgraph answered has a code, and is in its own log; what has none went wrong here.
            if (isExpected(error.originalError) || error.extensions.code !== undefined) continue
            log.error({ err: error.originalError ?? error, path: error.path, requestId }, 'the gateway failed')
          }
        },
        async willSendResponse({ response, contextValue: { requestId } }) {
          if (response.body.kind !== 'single' || !response.body.singleResult.errors) return
          response.body.singleResult.errors = response.body.singleResult.errors.map((error) => {
            const masked = maskError(error, requestId)
            return production ? { ...masked, message: hideSuggestions(masked.message) } : masked
          })
        },
      }
    },
  }
}

/** Apollo's own codes for requests that are wrong in themselves become BAD_USER_INPUT; all others stay for the plugin. */
export function maskRequestError(formatted: GraphQLFormattedError): GraphQLFormattedError {
  return formatted.extensions?.code === 'BAD_REQUEST' ? maskError(formatted, undefined) : formatted
}
