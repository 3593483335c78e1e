// Admin frontends on other origins: browsers may call the gateway with a token from the origins that the settings list.
// Apps have origins of their own, which the lanes look after.

import type { HttpReply, HttpRequest } from '../common/http.ts'

export type Cors = {
  /** The answer to a browser that asks beforehand; undefined: not from one of these origins. */
  preflight(request: HttpRequest): HttpReply | undefined
  /** The answer with what lets such a browser read it. */
  allow(request: HttpRequest, reply: HttpReply): HttpReply
}

export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins)
  const originOf = ({ headers: { origin } }: HttpRequest) =>
    origin !== undefined && allowed.has(origin) ? origin : undefined
  return {
    preflight(request) {
      const origin = originOf(request)
      if (request.method !== 'OPTIONS' || origin === undefined) return undefined
      return {
        status: 204,
        headers: {
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'GET, POST',
          'access-control-allow-headers':
            'accept, apollo-require-preflight, authorization, content-type, x-app-key, x-apollo-operation-name, x-request-id',
          'access-control-max-age': '600',
          vary: 'origin',
        },
      }
    },
    allow(request, reply) {
      if (allowed.size === 0) return reply
      const origin = originOf(request)
      if (origin === undefined) return { ...reply, headers: { ...reply.headers, vary: 'origin' } }
      const exposed = { 'access-control-expose-headers': 'retry-after, x-request-id' }
      return {
        ...reply,
        headers: { ...reply.headers, 'access-control-allow-origin': origin, ...exposed, vary: 'origin' },
      }
    },
  }
}
