// The lane of a service in another process: an app's request goes there as it came, and its answer comes back as it is.

import { AlkaidError } from '../common/base/errors.ts'
import { REQUEST_ID_HEADER } from '../common/base/request-id.ts'
import type { HttpReply, HttpRequest } from '../common/http/server.ts'
import type { Lane } from '../common/lane/lane.ts'
import { operationsOn, type PersistedOperations } from '../common/lane/persisted-operations.ts'
import type { Remote } from './remote-request.ts'

/** What the lane decides by. */
const SENT = ['accept', 'content-type', 'if-none-match', 'origin', 'x-app-key'] as const

/** What clients and caches go by. */
const RETURNED = [
  'accept',
  'accept-encoding',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'allow',
  'cache-control',
  'content-type',
  'etag',
  'retry-after',
  'vary',
  'www-authenticate',
  REQUEST_ID_HEADER,
] as const

/** A preflight waits no longer, in ms: a browser holds back the request behind it. */
const PREFLIGHT_MS = 1_000

/**
 * @param operations all of the list.
 * @param rootFields those that the service answers. `handle` rejects with UNAVAILABLE or TIMEOUT.
 */
export function remoteLane(remote: Remote, operations: PersistedOperations, rootFields: readonly string[]): Lane {
  return {
    operations: operationsOn(operations, rootFields),
    async handle(request: HttpRequest): Promise<HttpReply> {
      const { method, search, requestId } = request
      const { status, headers, body } = await remote.send({
        method,
        path: `/graphql${search === '' ? '' : `?${search}`}`,
        headers: { ...picked(request.headers, SENT), [REQUEST_ID_HEADER]: requestId },
        body: method === 'POST' ? await request.body() : undefined,
      })
      return { status, headers: picked(headers, RETURNED), body }
    },
    async allowsOrigin(origin) {
      const { status } = await remote.send({
        method: 'OPTIONS',
        path: '/graphql',
        headers: { origin, 'access-control-request-method': 'POST' },
        timeoutMs: PREFLIGHT_MS,
      })
      if (status === 204 || status === 403) return status === 204
      throw new AlkaidError('UNAVAILABLE', `The service ${remote.name} cannot tell which origins are allowed`)
    },
  }
}

function picked(headers: HttpRequest['headers'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name]
      return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]]
    }),
  )
}
