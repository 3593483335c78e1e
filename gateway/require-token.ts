// What is no operation, and whoever has no valid token, is refused before the query is planned, for planning costs far more than asking. Subgraphs
// verify the token again: the gateway is no trust boundary.

import type { ApolloServerPlugin } from '@apollo/server'
import { Kind } from 'graphql'
import { requirePrincipal, type TokenVerifier } from '../common/auth.ts'
import { badInput } from '../common/errors.ts'
import type { GatewayContext } from './data-source.ts'

export function requireToken(verify: TokenVerifier): ApolloServerPlugin<GatewayContext> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ operation, contextValue }) {
          if (!operation)
            throw badInput('operationName', 'must name one operation of the document, where there are several')
          if (operation.operation === 'subscription') throw badInput('query', 'must be a query or a mutation')
          // The schema itself (where introspection is allowed) and `__typename` are nobody's data.
          const { selections } = operation.selectionSet
          if (selections.every((field) => field.kind === Kind.FIELD && field.name.value.startsWith('__'))) return
          requirePrincipal(await verify(contextValue.authorization))
        },
      }
    },
  }
}
