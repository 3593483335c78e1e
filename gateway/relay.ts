// Operations of apps pass the gateway without being planned: a request with an app key (or with nothing but a hash)
// goes to the lane that has its operation, as it came.

import { AlkaidError, badInput } from '../common/errors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../common/http.ts'
import type { Lane } from '../common/lane/lane.ts'
import { findOperation, readLaneRequest } from '../common/lane/request.ts'

/** Answers undefined for a request that is not an app's. */
export type Relay = (request: HttpRequest) => Promise<HttpReply> | undefined

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
      return errorReply(error, request.requestId)
    }
  }

  return (request) => {
    if (request.method === 'OPTIONS') return preflight(request, lanes)
    return isFromApp(request) ? relay(request) : undefined
  }
}

function isFromApp(request: HttpRequest): boolean {
  if (request.headers.authorization !== undefined) return false
  return request.headers['x-app-key'] !== undefined || /(^|&)extensions=[^&]*persistedQuery/.test(request.search)
}

/** The first lane that allows the origin answers; a preflight carries neither key nor operation. */
async function preflight(request: HttpRequest, lanes: readonly Lane[]): Promise<HttpReply> {
  for (const lane of lanes) {
    const reply = await lane.handle(request).catch(passOver)
    if (reply?.status === 204) return reply
  }
  return errorReply(badInput('origin', 'is not one that an app allows'), request.requestId)
}

/** A lane that is out of reach must not keep the next one from answering. */
function passOver(error: unknown): undefined {
  if (!(error instanceof AlkaidError)) throw error
}

/** The body of a request can be read once; relay and lane both look at it. */
function rereadable(request: HttpRequest): HttpRequest {
  let text: Promise<string> | undefined
  return { ...request, body: () => (text ??= request.body()) }
}
