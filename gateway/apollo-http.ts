// Apollo Server behind the HTTP server of Alkaid, by its documented interface for integrations. A request is read, admitted
// (`admission.ts`), and only then executed.

import { type ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server'
import type { GraphQLError, GraphQLFormattedError } from 'graphql'
import { ERROR_CODES, isExpected } from '../common/base/errors.ts'
import { knownCode, maskError, REQUEST_ERRORS } from '../common/base/shown-errors.ts'
import { readJson } from '../common/command/json.ts'
import type { Variables } from '../common/graphql/variables.ts'
import { readSearch } from '../common/http/request-text.ts'
import type { HttpReply, HttpRequest } from '../common/http/server.ts'
import type { Admission, ClientRequest } from './admission.ts'
import type { GatewayContext } from './upstream.ts'

/** Throws InvalidRequest or an AlkaidError when nothing was executed. */
export async function serveApollo(
  server: ApolloServer<GatewayContext>,
  admission: Admission,
  request: HttpRequest,
): Promise<HttpReply> {
  const { method, search, requestId } = request
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const authorization = headers.get('authorization')
  const caller = await admission.identify(authorization)
  const body = method === 'POST' ? readJson(await request.body(), 'body') : undefined
  const clientRequest = method === 'GET' ? fromSearch(search) : fromBody(body)
  // Without a query there is nothing to admit. Apollo Server then explains what is missing.
  const variables: Variables = clientRequest ? admission.admit(clientRequest, caller) : {}
  const response = await server.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method, headers, search: search === '' ? '' : `?${search}`, body },
    context: async () => ({ authorization, requestId, variables }),
  })
  if (response.body.kind !== 'complete')
    throw new Error('Apollo Server gave an incremental answer, which nobody asked for')
  return { status: response.status ?? 200, headers: Object.fromEntries(response.headers), body: response.body.string }
}

function fromSearch(text: string): ClientRequest | undefined {
  const search = readSearch(text)
  const variables = search.get('variables')
  return toClientRequest({
    query: search.get('query'),
    operationName: search.get('operationName'),
    variables: variables === undefined ? undefined : readJson(variables, 'variables'),
  })
}

function fromBody(body: unknown): ClientRequest | undefined {
  return isObject(body) ? toClientRequest(body) : undefined
}

/** Undefined where Apollo Server will refuse the request, in its own words. */
function toClientRequest({ query, operationName, variables }: Record<string, unknown>): ClientRequest | undefined {
  if (typeof query !== 'string' || query === '') return undefined
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return undefined
  if (variables !== undefined && variables !== null && !isObject(variables)) return undefined
  return { query, operationName: operationName ?? undefined, variables: variables ?? {} }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Sets the HTTP status of an answer without data to that of its first error. An answer with `allow` (GET of a mutation) keeps
 * its 405. Stands after `maskErrors`, since the status comes from the masked code.
 */
export const statusFromErrors: ApolloServerPlugin<GatewayContext> = {
  async requestDidStart() {
    return {
      async willSendResponse({ response }) {
        if (response.body.kind !== 'single') return
        const { data, errors } = response.body.singleResult
        if (!errors || data !== undefined || response.http.headers.has('allow')) return
        response.http.status = ERROR_CODES[errors[0] ? knownCode(errors[0]) : 'INTERNAL'].status
      },
    }
  },
}

/** An error with a code came from a subgraph, which has logged it. */
export function isGatewayFailure({ originalError, extensions: { code } }: GraphQLError): boolean {
  return !isExpected(originalError) && (code === undefined || code === 'INTERNAL_SERVER_ERROR')
}

/**
 * Masks errors that Apollo Server finds before an operation begins: its own codes become BAD_USER_INPUT. All other errors stay for
 * `maskErrors`, which knows the request id.
 */
export function maskRequestError(formatted: GraphQLFormattedError): GraphQLFormattedError {
  return REQUEST_ERRORS.has(String(formatted.extensions?.code)) ? maskError(formatted, undefined) : formatted
}
