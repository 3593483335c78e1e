// Apollo Sandbox at `/graphql` in development, with a token filled in. In production there is no landing page.

import type { ApolloServerPlugin } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default'

const DOCUMENT = `# Alkaid. The token of an admin is filled in under "Headers".
query Schedules($app: ID!) {
  schedules(app: $app, first: 10) {
    nodes {
      id
      name
      reviewState
      deliveryState
      slot {
        code
      }
      review {
        state
        decidedBy
      }
      delivery {
        publishedAt
        publishedBy
      }
    }
  }
}
`

/** @param token filled in as the header `authorization`; undefined: no landing page. */
export function sandbox(token: string | undefined): ApolloServerPlugin {
  if (token === undefined) return ApolloServerPluginLandingPageDisabled()
  const headers = { authorization: `Bearer ${token}` }
  return ApolloServerPluginLandingPageLocalDefault({
    footer: false,
    document: DOCUMENT,
    variables: { app: 'demo' },
    headers,
    embed: { runTelemetry: false, initialState: { sharedHeaders: headers } },
  })
}
