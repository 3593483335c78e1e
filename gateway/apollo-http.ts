// Apollo Server over our HTTP server: the adapter that its documentation describes for integrations.

import { type ApolloServer, HeaderMap } from '@apollo/server'
import { readJson } from '../common/command/json.ts'
import type { Variables } from '../common/graphql/variables.ts'
import { readSearch } from '../common/http/request-text.ts'
import type { HttpReply, HttpRequest } from '../common/http/server.ts'
import type { Admission, Asked } from './admission.ts'
import type { GatewayContext } from './upstream.ts'

/** Throws InvalidRequest or an AlkaidError where nothing was executed. */
export async function serveApollo(
  server: ApolloServer<GatewayContext>,
  admission: Admission,
  request: HttpRequest,
): Promise<HttpReply> {
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const { requestId } = request
  const authorization = headers.get('authorization')
  const caller = await admission.identify(authorization)
  const body = request.method === 'POST' ? readJson(await request.body(), 'body') : undefined
  const asked = request.method === 'GET' ? askedBySearch(request.search) : askedByBody(body)
  // Without a query there is nothing to execute: Apollo Server says so, or shows its page.
  const variables: Variables = asked ? admission.admit(asked, caller) : {}
  const response = await server.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: request.method,
      headers,
      search: request.search === '' ? '' : `?${request.search}`,
      body,
    },
    context: async () => ({ authorization, requestId, variables }),
  })
  if (response.body.kind !== 'complete') throw new Error('An incremental answer was not asked for')
  return { status: response.status ?? 200, headers: Object.fromEntries(response.headers), body: response.body.string }
}

function askedBySearch(text: string): Asked | undefined {
  const search = readSearch(text)
  const variables = search.get('variables')
  return toAsked({
    query: search.get('query'),
    operationName: search.get('operationName'),
    variables: variables === undefined ? undefined : readJson(variables, 'variables'),
  })
}

function askedByBody(body: unknown): Asked | undefined {
  return isObject(body) ? toAsked(body) : undefined
}

/** Undefined for what Apollo Server refuses, by its own words. */
function toAsked({ query, operationName, variables }: Record<string, unknown>): Asked | undefined {
  if (typeof query !== 'string' || query === '') return undefined
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return undefined
  if (variables !== undefined && variables !== null && !isObject(variables)) return undefined
  return { query, operationName: operationName ?? undefined, variables: variables ?? {} }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
