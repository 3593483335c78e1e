// Apollo Sandbox at `/graphql` in development, with a token filled in. In production there is no landing page, and the
// token is for this machine alone: the page is shown only to browsers that came by a loopback address or name.

import type { ApolloServerPlugin } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default'
import { AlkaidError } from '../common/errors.ts'
import type { HttpRequest } from '../common/http.ts'

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

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i

/**
 * Throws FORBIDDEN for a page under a foreign name: whoever makes a name of theirs resolve to this machine (DNS
 * rebinding), or reaches it over the network, must not read the token.
 */
export function requireLocalBrowser({ method, headers }: HttpRequest): void {
  const wantsPage = method === 'GET' && headers.accept?.includes('text/html')
  if (!wantsPage || LOOPBACK.test(headers.host ?? '')) return
  throw new AlkaidError(
    'FORBIDDEN',
    'Sandbox is shown on this machine only: open it as http://localhost:<port>/graphql',
  )
}
