// The relay. A request of an app (with an app key, or with only a hash) is not planned: it goes unchanged to the lane that has its
// operation.

import { AlkaidError } from '../common/base/errors.ts'
import { mayRead, withCors } from '../common/http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http/server.ts'
import type { Lane } from '../common/lane/lane.ts'
import { findOperation, readLaneRequest } from '../common/lane/request.ts'

export type Relay = {
  /** Undefined for a request that is not from an app. */
  handle(request: HttpRequest): Promise<HttpReply> | undefined
  /**
   * Whether any app allows pages of this origin. All lanes are asked at once, and the first answer counts: all have the same
   * settings, and one may hang. Rejects with UNAVAILABLE when no lane answers.
   */
  allowsOrigin(origin: string): Promise<boolean>
}

export function createRelay(lanes: readonly Lane[]): Relay {
  const operations = new Map(lanes.flatMap((lane) => [...lane.operations]))
  const laneOf = new Map(lanes.flatMap((lane) => [...lane.operations.keys()].map((hash) => [hash, lane] as const)))

  async function relay(request: HttpRequest): Promise<HttpReply> {
    const rereadable = withRereadableBody(request)
    try {
      const operation = findOperation(operations, await readLaneRequest(rereadable))
      return await laneOf.get(operation.id)!.handle(rereadable)
    } catch (error) {
      if (!(error instanceof AlkaidError)) throw error
      const { origin } = request.headers
      return withCors(errorReply(error, request.requestId), origin, await mayRead(origin, allowsOrigin))
    }
  }

  async function allowsOrigin(origin: string): Promise<boolean> {
    try {
      return await Promise.any(lanes.map(async (lane) => lane.allowsOrigin(origin)))
    } catch {
      throw new AlkaidError('UNAVAILABLE', 'No service can tell which origins are allowed: try again')
    }
  }

  return { handle: (request) => (isFromApp(request) ? relay(request) : undefined), allowsOrigin }
}

function isFromApp(request: HttpRequest): boolean {
  if (request.headers.authorization !== undefined) return false
  return request.headers['x-app-key'] !== undefined || /(^|&)extensions=[^&]*persistedQuery/.test(request.search)
}

/** The body of a request can be read only once, but relay and lane both need it. */
function withRereadableBody(request: HttpRequest): HttpRequest {
  let text: Promise<string> | undefined
  return { ...request, body: () => (text ??= request.body()) }
}
