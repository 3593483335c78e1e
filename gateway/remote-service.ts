// A service in other processes, as query plans reach it (`remote-lane.ts` is for requests of apps):
// - `remoteService`: one HTTP client for each service, with kept-alive connections and answers bounded in time and size
// - `remoteUpstream`: its federation endpoint
// - `upstreamChecks`: whether it answers, for `/readyz`
// Failures are UNAVAILABLE or TIMEOUT, with the name of the service.

import { setTimeout as sleep } from 'node:timers/promises'
import { AlkaidError } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import { readBounded, TooLarge } from '../common/base/read-bounded.ts'
import { REQUEST_ID_HEADER } from '../common/base/request-id.ts'
import { SERVICE_HEADER } from '../common/graphql/federation.ts'
import type { GraphQLAnswer } from '../common/graphql/subgraph.ts'
import type { Checks } from '../common/service/health.ts'
import { createNodes, type Failure, MAX_PROBE_MS, type Node } from './nodes.ts'
import type { Upstream } from './upstream.ts'

export type RemoteRequest = {
  method: 'GET' | 'POST'
  /** The path and the search, for example `/graphql?x=1`. */
  path: string
  headers: Record<string, string>
  body?: string | undefined
  /** Sending it twice does no harm. Otherwise it is sent again only when nothing of it was sent. */
  isRepeatable: boolean
  /** Replaces the usual timeout, in ms. All attempts together take no longer. */
  timeoutMs?: number
}

export type RemoteAnswer = { status: number; body: string }

export type Remote = {
  name: string
  /** Rejects with UNAVAILABLE or TIMEOUT. */
  send(request: RemoteRequest): Promise<RemoteAnswer>
  /** Closes all connections. Requests under way fail. */
  close(): Promise<void>
}

export type RemoteOptions = {
  name: string
  /** The base URLs of its nodes, without a slash at the end. */
  urls: readonly string[]
  /** Requests under way at one node. */
  maxRequests?: number
  timeoutMs?: number
  maxBytes?: number
}

/** The chain of timeouts: a client waits 30 s, the gateway 12 s (this one), a subgraph 11 s. */
const TIMEOUT_MS = 12_000
const CONNECT_MS = 2_000
const MAX_BYTES = 32 * 1024 * 1024
const MAX_REQUESTS = 256
const MAX_ATTEMPTS = 3
/** A request is sent again after a random time up to this one, and then up to twice as much. */
const REPEAT_MS = 50

export function remoteService({
  name,
  urls,
  maxRequests = MAX_REQUESTS,
  timeoutMs: usualMs = TIMEOUT_MS,
  maxBytes = MAX_BYTES,
}: RemoteOptions): Remote {
  const nodes = createNodes({ name, urls, maxOutstanding: maxRequests, connectMs: CONNECT_MS })

  async function send(request: RemoteRequest): Promise<RemoteAnswer> {
    const { timeoutMs = usualMs, isRepeatable } = request
    const signal = AbortSignal.timeout(timeoutMs)
    const tried: Node[] = []
    for (;;) {
      const node = nodes.take(tried)
      if (!node) throw outOfReach()
      const answersBefore = node.answers
      try {
        return await ask(node, request, signal)
      } catch (error) {
        if (error instanceof TooLarge) throw unavailable(`answered more than ${maxBytes} bytes`)
        const { failure, sent } = failureOf(error, signal)
        nodes.failed(node, failure, answersBefore)
        if (signal.aborted)
          throw new AlkaidError('TIMEOUT', `The service ${name} did not answer within ${timeoutMs} ms`)
        if (sent && !isRepeatable)
          throw unavailable('broke off the connection. It is not known whether the change was made')
        if (tried.push(node) === MAX_ATTEMPTS) throw outOfReach()
      } finally {
        nodes.release(node)
      }
      await sleep(REPEAT_MS * tried.length * Math.random())
    }
  }

  function outOfReach(): AlkaidError {
    const { hung } = nodes.counts()
    return unavailable(
      hung > 0 ? `did not answer in time. It is asked again within ${MAX_PROBE_MS / 1000} s` : 'is out of reach',
    )
  }

  function unavailable(reason: string): AlkaidError {
    return new AlkaidError('UNAVAILABLE', `The service ${name} ${reason}`)
  }

  async function ask(node: Node, { method, path, headers, body }: RemoteRequest, signal: AbortSignal) {
    const message = { method, path: `${node.prefix}${path}`, headers, body: body ?? null, signal }
    const answer = await node.pool.request(message)
    const text = await readBounded(answer.body, maxBytes)
    nodes.answered(node)
    return { status: answer.statusCode, body: text }
  }

  return { name, send, close: () => nodes.close() }
}

/** System errors of a connection that was never made. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'])

/** `sent`: something of the request may have reached the node. */
function failureOf(error: unknown, signal: AbortSignal): { failure: Failure; sent: boolean } {
  const { code = '' } = error as NodeJS.ErrnoException
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return { failure: 'timeout', sent: false }
  if (signal.aborted) return { failure: 'timeout', sent: true }
  return NOT_CONNECTED.has(code) ? { failure: 'refused', sent: false } : { failure: 'closed', sent: true }
}

/**
 * A subgraph for query plans: POST `/federation`, with the service credential and the caller's own token.
 * `execute` rejects with UNAVAILABLE or TIMEOUT. A failed subgraph costs only its own fields.
 */
export function remoteUpstream(remote: Remote, serviceSecret: string, log: Logger): Upstream {
  const { name } = remote
  return {
    name,
    async execute(request, { authorization, requestId }, timeoutMs) {
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
        isRepeatable: isQuery(request.query),
        timeoutMs,
      })
      const answer = status === 200 ? parseAnswer(body) : undefined
      if (answer) return answer
      if (status === 504) throw new AlkaidError('TIMEOUT', `The subgraph ${name} did not finish in time`)
      // The caller cannot fix any of this. For example, a 401 is about the gateway's credential, not about the caller's token.
      log.error({ subgraph: name, status, body: body.slice(0, 500) }, explainStatus(status))
      throw new AlkaidError('UNAVAILABLE', `The subgraph ${name} did not take the request`)
    },
  }
}

/** Operations of query plans begin with their type. */
function isQuery(text: string): boolean {
  return !/^\s*mutation\b/.test(text)
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

const LIVEZ = { method: 'GET', path: '/livez', headers: {}, isRepeatable: true } as const
const LIVEZ_MS = 1_000

async function isAlive(remote: Remote): Promise<boolean> {
  try {
    return (await remote.send({ ...LIVEZ, timeoutMs: LIVEZ_MS })).status === 200
  } catch {
    return false // no answer is the answer to this question
  }
}
