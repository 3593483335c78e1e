// Operations of apps pass the gateway without being planned: a request with an app key (or with nothing but a hash)
// goes to the lane that has its operation, as it came.

import { AlkaidError } from '../common/base/errors.ts'
import { withCors } from '../common/http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http/server.ts'
import type { Lane } from '../common/lane/lane.ts'
import { findOperation, readLaneRequest } from '../common/lane/request.ts'

export type Relay = {
  /** Undefined for a request that is not an app's. */
  handle(request: HttpRequest): Promise<HttpReply> | undefined
  /**
   * Whether any app allows pages of this origin: as the first lane says that can tell, since all go by the same settings and one
   * may hang. Rejects with UNAVAILABLE when none can tell.
   */
  allowsOrigin(origin: string): Promise<boolean>
}

export function createRelay(lanes: readonly Lane[]): Relay {
  const operations = new Map(lanes.flatMap((lane) => [...lane.operations]))
  const laneOf = new Map(lanes.flatMap((lane) => [...lane.operations.keys()].map((hash) => [hash, lane] as const)))

  async function relay(request: HttpRequest): Promise<HttpReply> {
    const once = rereadable(request)
    try {
      const operation = findOperation(operations, await readLaneRequest(once))
      return await laneOf.get(operation.id)!.handle(once)
    } catch (error) {
      if (!(error instanceof AlkaidError)) throw error
      const { origin } = request.headers
      const isAllowed = origin !== undefined && (await allowsOrigin(origin).catch(() => false)) // the error says why
      return withCors(errorReply(error, request.requestId), origin, isAllowed)
    }
  }

  async function allowsOrigin(origin: string): Promise<boolean> {
    try {
      return await Promise.any(lanes.map(async (lane) => lane.allowsOrigin(origin)))
    } catch {
      throw new AlkaidError('UNAVAILABLE', 'Nobody can tell which origins are allowed: try again')
    }
  }

  return { handle: (request) => (isFromApp(request) ? relay(request) : undefined), allowsOrigin }
}

function isFromApp(request: HttpRequest): boolean {
  if (request.headers.authorization !== undefined) return false
  return request.headers['x-app-key'] !== undefined || /(^|&)extensions=[^&]*persistedQuery/.test(request.search)
}

/** The body of a request can be read once; relay and lane both look at it. */
function rereadable(request: HttpRequest): HttpRequest {
  let text: Promise<string> | undefined
  return { ...request, body: () => (text ??= request.body()) }
}
