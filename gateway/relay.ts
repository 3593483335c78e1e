// The relay. A request of an app (with an app key, or with only a hash) is not planned: it goes unchanged to a lane, and the
// answer comes back unchanged. The relay refuses no operation by itself, since apps register operations of their own, which only
// the lanes know. It looks for the hash only to ask the right lane first. A lane that does not have the operation says so without
// executing anything, and then the next lane is asked.

import { LRUCache } from 'lru-cache'
import { AlkaidError } from '../common/base/errors.ts'
import { mayRead, withCors } from '../common/http/cors.ts'
import { readSearch } from '../common/http/request-text.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http/server.ts'
import type { Lane } from '../common/lane/lane.ts'
import type { PersistedOperations } from '../common/lane/persisted-operations.ts'

/** A serving lane: a function call in this process (`localLane`), or nodes in other ones (`remote-lane.ts`). */
export type RelayLane = {
  /** The name of the service. */
  name: string
  /** By hash, the operations that every installation has. */
  operations: { has(hash: string): boolean }
  /** It has only queries, so any request may be sent to it. */
  readsOnly: boolean
  handle(request: HttpRequest): HttpReply | Promise<HttpReply>
  /** Whether any app allows pages of this origin. Fails with UNAVAILABLE or TIMEOUT when that is unknown at the moment. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
}

export type Relay = {
  /** Undefined for a request that is not from an app. */
  handle(request: HttpRequest): HttpReply | Promise<HttpReply> | undefined
  /**
   * Whether any app allows pages of this origin. All lanes are asked at once, and the first answer counts: all have the same
   * settings, and one may hang. Rejects with UNAVAILABLE when no lane answers.
   */
  allowsOrigin(origin: string): Promise<boolean>
}

/** The lane of a subgraph in this process. */
export function localLane(name: string, lane: Lane): RelayLane {
  const { operations, handle, allowsOrigin } = lane
  return { name, operations, readsOnly: haveOnlyQueries(operations), handle, allowsOrigin }
}

export function haveOnlyQueries(operations: PersistedOperations): boolean {
  return [...operations.values()].every(({ definition }) => definition.operation === 'query')
}

/** Hashes of apps' own operations whose lane is remembered. */
const MAX_REMEMBERED = 10_000

export function createRelay(lanes: readonly RelayLane[]): Relay {
  /** An operation that is not known yet is looked for in the lanes that only read first. They get nearly all requests. */
  const inOrder = lanes.toSorted((a, b) => Number(b.readsOnly) - Number(a.readsOnly))
  const remembered = new LRUCache<string, RelayLane>({ max: MAX_REMEMBERED })

  function relay(request: HttpRequest, hash: string | undefined): HttpReply | Promise<HttpReply> {
    const known = hash === undefined ? undefined : laneOf(hash)
    const first = known ?? inOrder[0]
    if (!first) return refuse(request, new AlkaidError('UNAVAILABLE', 'The gateway has no lane for apps'))
    const check = (reply: HttpReply) => {
      if (isNotInList(reply)) return askOthers(request, hash, first, { reply })
      if (!known) remember(hash, first, reply)
      return reply
    }
    try {
      const reply = first.handle(request)
      if (!(reply instanceof Promise)) return check(reply)
      return reply.then(check, (error) => {
        // The operation may be in another lane when nobody knows yet where it is.
        return known || !first.readsOnly ? refuse(request, error) : askOthers(request, hash, first, { error })
      })
    } catch (error) {
      return refuse(request, error)
    }
  }

  function laneOf(hash: string): RelayLane | undefined {
    return inOrder.find(({ operations }) => operations.has(hash)) ?? remembered.get(hash)
  }

  /** Only an execution proves that the lane has the operation. A refusal, for example of a wrong app key, does not. */
  function remember(hash: string | undefined, lane: RelayLane, { status }: HttpReply): void {
    if (hash !== undefined && (status === 200 || status === 304)) remembered.set(hash, lane)
  }

  /**
   * Asks the other lanes for an operation that the first one does not have, or could not be asked for.
   * @param outcome that of the first lane.
   */
  async function askOthers(
    request: HttpRequest,
    hash: string | undefined,
    first: RelayLane,
    outcome: { reply: HttpReply } | { error: unknown },
  ): Promise<HttpReply> {
    let last = outcome
    for (const lane of inOrder) {
      if (lane === first) continue
      try {
        const reply = await lane.handle(request)
        if (!isNotInList(reply)) {
          remember(hash, lane, reply)
          return reply
        }
      } catch (error) {
        last = { error } // the operation may be in this lane, so the answer must not be that there is none
        if (!lane.readsOnly) break // it may have been executed
      }
    }
    return 'reply' in last ? last.reply : refuse(request, last.error)
  }

  async function refuse(request: HttpRequest, error: unknown): Promise<HttpReply> {
    if (!(error instanceof AlkaidError)) throw error
    const { origin } = request.headers
    const { headers, ...reply } = errorReply(error, request.requestId)
    const uncached = { ...reply, headers: { ...headers, 'cache-control': 'no-store' } }
    return withCors(uncached, origin, await mayRead(origin, allowsOrigin))
  }

  async function allowsOrigin(origin: string): Promise<boolean> {
    try {
      return await Promise.any(lanes.map(async (lane) => lane.allowsOrigin(origin)))
    } catch {
      throw new AlkaidError('UNAVAILABLE', 'No service can tell which origins are allowed: try again')
    }
  }

  async function relayPost(request: HttpRequest): Promise<HttpReply> {
    try {
      const body = await request.body() // it can be read once, and is needed here and in the lanes
      return await relay({ ...request, body: async () => body }, hashInBody(body))
    } catch (error) {
      return refuse(request, error)
    }
  }

  return {
    handle(request) {
      if (!isFromApp(request)) return undefined
      return request.method === 'POST' ? relayPost(request) : relay(request, hashInSearch(request.search))
    },
    allowsOrigin,
  }
}

function isFromApp(request: HttpRequest): boolean {
  if (request.headers.authorization !== undefined) return false
  return request.headers['x-app-key'] !== undefined || /(^|&)extensions=[^&]*persistedQuery/.test(request.search)
}

/** The lane does not have the operation, and has executed nothing. */
function isNotInList({ status, body, bytes }: HttpReply): boolean {
  if (status !== 404) return false
  const text = body ?? (bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : '')
  return text.includes('"PERSISTED_QUERY_NOT_IN_LIST"')
}

/**
 * The hash in the extensions of a GET, in lower case. The usual encodings are found in the text as it is, since decoding costs
 * more than all the rest here. Undefined when there is none: then the lane says what is wrong.
 */
function hashInSearch(search: string): string | undefined {
  const usual = /(?:^|&)extensions=[^&]*?sha256Hash(?:%22|")(?:%3A|:)(?:%22|")([0-9a-f]{64})(?:%22|")/i.exec(search)
  if (usual) return usual[1]!.toLowerCase()
  try {
    return hashInBody(readSearch(search).get('extensions') ?? '')
  } catch {
    return undefined
  }
}

/**
 * The hash in a JSON text. The text is not parsed, since a batch of events may have a megabyte. So the hash may come from another
 * place of the text, such as a variable. Then the wrong lane is asked first, and says that it does not have the operation.
 */
function hashInBody(text: string): string | undefined {
  return /"sha256Hash"\s*:\s*"([0-9a-f]{64})"/i.exec(text)?.[1]?.toLowerCase()
}
