// How the gateway reaches a subgraph in another process: POST `/federation`, with the service credential. The credential
// says only that the gateway (or a router in its place) asks; who the caller is, the token says, as anywhere.

import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { withDeadline } from '../base/deadline.ts'
import { AlkaidError, badInput, unauthenticated } from '../base/errors.ts'
import { readJson } from '../command/json.ts'
import { type Handler, json } from '../http/server.ts'
import type { Subgraph } from './subgraph.ts'

export const SERVICE_HEADER = 'x-alkaid-service'

/** The funnel: a client waits 30 s, the gateway 12 s, a subgraph this long, a transaction of the store 10 s. */
const ANSWER_MS = 11_000
/** The gateway's own limit is 1 MB of a client; its plans add ids of what others found. */
const MAX_BODY = 8 * 1024 * 1024

const requestBody = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
})

/** Status 200 for every GraphQL answer, errors among it; any other is about the request or the credential. */
export function federationHandler(subgraph: Subgraph, serviceSecret: string): Handler {
  const expected = digest(serviceSecret)
  return async (request) => {
    const shown = request.headers[SERVICE_HEADER]
    if (typeof shown !== 'string' || !timingSafeEqual(digest(shown), expected)) {
      throw unauthenticated(
        `This is for the gateway: it shows SERVICE_SECRET in \`${SERVICE_HEADER}\``,
        `ServiceSecret realm="services", header="${SERVICE_HEADER}"`,
      )
    }
    const { query, variables, operationName } = readBody(await request.body(MAX_BODY))
    const { authorization } = request.headers
    const answer = await withDeadline(
      ANSWER_MS,
      subgraph.execute(
        { query, variables: variables ?? undefined, operationName: operationName ?? undefined },
        { authorization, requestId: request.requestId },
      ),
      () => new AlkaidError('TIMEOUT', `The subgraph ${subgraph.name} did not answer within ${ANSWER_MS} ms`),
    )
    return json(200, answer)
  }
}

function readBody(text: string): z.output<typeof requestBody> {
  const { data } = requestBody.safeParse(readJson(text, 'body'))
  if (data) return data
  throw badInput('body', 'must be a GraphQL request: {"query": "...", "variables": {...}}')
}

/** Of equal length whatever was shown, for a comparison in constant time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
