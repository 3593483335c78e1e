// The last place where an error can be masked: what the table of codes does not have leaves as INTERNAL.

import type { ApolloServerPlugin } from '@apollo/server'
import { maskError } from '../common/errors.ts'
import type { GatewayContext } from './data-source.ts'

export const maskErrors: ApolloServerPlugin<GatewayContext> = {
  async requestDidStart() {
    return {
      async willSendResponse({ response, contextValue }) {
        if (response.body.kind !== 'single' || !response.body.singleResult.errors) return
        const { requestId } = contextValue
        response.body.singleResult.errors = response.body.singleResult.errors.map((error) =>
          maskError(error, requestId),
        )
      },
    }
  },
}
