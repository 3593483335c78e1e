// Apollo Server over our HTTP server: the adapter that its documentation describes for integrations.

import { type ApolloServer, HeaderMap } from '@apollo/server'
import { badInput } from '../common/errors.ts'
import type { HttpReply, HttpRequest } from '../common/http.ts'
import type { GatewayContext } from './data-source.ts'

export async function serveApollo(server: ApolloServer<GatewayContext>, request: HttpRequest): Promise<HttpReply> {
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const { requestId } = request
  const response = await server.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: request.method,
      headers,
      search: request.search === '' ? '' : `?${request.search}`,
      body: request.method === 'POST' ? await readJson(request) : undefined,
    },
    context: async () => ({ authorization: headers.get('authorization'), requestId }),
  })
  if (response.body.kind !== 'complete') throw new Error('An incremental answer was not asked for')
  return { status: response.status ?? 200, headers: Object.fromEntries(response.headers), body: response.body.string }
}

async function readJson(request: HttpRequest): Promise<unknown> {
  const text = await request.body()
  if (!/json/i.test(request.headers['content-type'] ?? '')) return text
  try {
    return JSON.parse(text)
  } catch {
    throw badInput('body', 'must be JSON')
  }
}
