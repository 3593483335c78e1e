// A service in another process, as the gateway sees it:
// - `remoteService`: one HTTP client for each service, with kept-alive connections and answers bounded in time and size
// - `remoteUpstream`: its federation endpoint, for query plans
// - `remoteLane`: its serving lane, for requests of apps
// - `upstreamChecks`: whether it answers, for `/readyz`
// Failures are UNAVAILABLE or TIMEOUT, with the name of the service.

import type { IncomingHttpHeaders } from 'node:http'
import { Pool } from 'undici'
import { AlkaidError } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import { readBounded, TooLarge } from '../common/base/read-bounded.ts'
import { REQUEST_ID_HEADER } from '../common/base/request-id.ts'
import { SERVICE_HEADER } from '../common/graphql/federation.ts'
import type { GraphQLAnswer } from '../common/graphql/subgraph.ts'
import type { Lane } from '../common/lane/lane.ts'
import { operationsOn, type PersistedOperations } from '../common/lane/persisted-operations.ts'
import type { Checks } from '../common/service/health.ts'
import type { Upstream } from './upstream.ts'

export type RemoteRequest = {
  method: 'GET' | 'POST' | 'OPTIONS'
  /** The path and the search, for example `/graphql?x=1`. */
  path: string
  headers: Record<string, string>
  body?: string | undefined
  /** Replaces the usual timeout, in ms. */
  timeoutMs?: number
}

export type RemoteAnswer = { status: number; headers: IncomingHttpHeaders; body: string }

export type Remote = {
  name: string
  /** Rejects with UNAVAILABLE or TIMEOUT. */
  send(request: RemoteRequest): Promise<RemoteAnswer>
  /** Closes all connections. Requests under way fail. */
  close(): Promise<void>
}

export type RemoteOptions = {
  name: string
  /** The base URL, without a slash at its end. */
  url: string
  timeoutMs?: number
  maxBytes?: number
}

/** The chain of timeouts: a client waits 30 s, the gateway 12 s (this one), a subgraph 11 s. */
const TIMEOUT_MS = 12_000
const MAX_BYTES = 32 * 1024 * 1024
/** Concurrent requests to one service. Further requests wait. */
const MAX_CONNECTIONS = 256

export function remoteService({
  name,
  url,
  timeoutMs: usualMs = TIMEOUT_MS,
  maxBytes = MAX_BYTES,
}: RemoteOptions): Remote {
  const base = new URL(url)
  const prefix = base.pathname === '/' ? '' : base.pathname
  // undici closes an idle connection two seconds before the server does, so no request meets a closing connection.
  const pool = new Pool(base.origin, { connections: MAX_CONNECTIONS, connectTimeout: usualMs, allowH2: false })

  async function send({ method, path, headers, body, timeoutMs = usualMs }: RemoteRequest): Promise<RemoteAnswer> {
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const answer = await pool.request({ method, path: `${prefix}${path}`, headers, body: body ?? null, signal })
      const text = await readBounded(answer.body, maxBytes)
      return { status: answer.statusCode, headers: answer.headers, body: text }
    } catch (error) {
      if (signal.aborted) throw new AlkaidError('TIMEOUT', `The service ${name} did not answer within ${timeoutMs} ms`)
      const reason = error instanceof TooLarge ? `answered more than ${maxBytes} bytes` : 'is out of reach'
      throw new AlkaidError('UNAVAILABLE', `The service ${name} ${reason}`)
    }
  }

  return { name, send, close: () => pool.destroy() }
}

/**
 * A subgraph for query plans: POST `/federation`, with the service credential and the caller's own token.
 * `execute` rejects with UNAVAILABLE or TIMEOUT. A failed subgraph costs only its own fields.
 */
export function remoteUpstream(remote: Remote, serviceSecret: string, log: Logger): Upstream {
  const { name } = remote
  return {
    name,
    async execute(request, { authorization, requestId }) {
      const { status, body } = await remote.send({
        method: 'POST',
        path: '/federation',
        headers: {
          'content-type': 'application/json',
          [SERVICE_HEADER]: serviceSecret,
          [REQUEST_ID_HEADER]: requestId,
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: JSON.stringify(request),
      })
      const answer = status === 200 ? parseAnswer(body) : undefined
      if (answer) return answer
      // The caller cannot fix any of this. For example, a 401 is about the gateway's credential, not about the caller's token.
      log.error({ subgraph: name, status, body: body.slice(0, 500) }, explainStatus(status))
      throw new AlkaidError('UNAVAILABLE', `The subgraph ${name} did not take the request`)
    },
  }
}

function parseAnswer(body: string): GraphQLAnswer | undefined {
  try {
    const answer = JSON.parse(body) as GraphQLAnswer | null
    return answer?.data !== undefined || answer?.errors !== undefined ? answer : undefined
  } catch {
    return undefined // the caller logs the body
  }
}

function explainStatus(status: number): string {
  return status === 401
    ? 'a subgraph refused the service credential: SERVICE_SECRET must be the same for all services'
    : 'a subgraph answered something other than GraphQL'
}

/** Request headers that change what a lane answers. */
const FORWARDED_HEADERS = ['accept', 'content-type', 'if-none-match', 'origin', 'x-app-key'] as const

/** Response headers that clients and caches use. */
const RETURNED_HEADERS = [
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

/** A browser holds back the real request until the preflight is answered, so a preflight waits at most this long. */
const PREFLIGHT_MS = 1_000

/**
 * A lane for requests of apps. It sends a request on as it came, and returns the answer unchanged. `handle` rejects with
 * UNAVAILABLE or TIMEOUT.
 * @param operations all persisted operations.
 * @param rootFields the root fields that the service answers.
 */
export function remoteLane(remote: Remote, operations: PersistedOperations, rootFields: readonly string[]): Lane {
  return {
    operations: operationsOn(operations, rootFields),
    async handle(request) {
      const { search, requestId } = request
      const isPost = request.method === 'POST'
      const { status, headers, body } = await remote.send({
        method: isPost ? 'POST' : 'GET',
        path: search === '' ? '/graphql' : `/graphql?${search}`,
        headers: { ...pickHeaders(request.headers, FORWARDED_HEADERS), [REQUEST_ID_HEADER]: requestId },
        body: isPost ? await request.body() : undefined,
      })
      return { status, headers: pickHeaders(headers, RETURNED_HEADERS), body }
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

function pickHeaders(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name]
      return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]]
    }),
  )
}

/** Ready without any upstream, since a missing one costs only its own fields. Lists which ones answer. */
export function upstreamChecks(remotes: readonly Remote[]): Checks {
  return {
    async upstreams() {
      const alive = await Promise.all(remotes.map(isAlive))
      const silent = remotes.filter((_, index) => !alive[index]).map(({ name }) => name)
      return {
        ...Object.fromEntries(remotes.map(({ name }, index) => [name, alive[index]])),
        warning: silent.length > 0 ? `out of reach: ${silent.join(', ')}; their fields are missing` : undefined,
      }
    },
  }
}

const LIVEZ_MS = 1_000

async function isAlive(remote: Remote): Promise<boolean> {
  try {
    return (await remote.send({ method: 'GET', path: '/livez', headers: {}, timeoutMs: LIVEZ_MS })).status === 200
  } catch {
    return false // no answer is the answer to this question
  }
}
