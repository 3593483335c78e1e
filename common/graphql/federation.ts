// The federation endpoint of a subgraph: POST `/federation`. The gateway, or a router in its place, shows the service credential.
// The credential grants no rights: the caller's own token comes along, and the subgraph verifies it.

import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { withDeadline } from '../base/deadline.ts'
import { AlkaidError, badInput, unauthenticated } from '../base/errors.ts'
import { readJson } from '../command/json.ts'
import { type Handler, json } from '../http/server.ts'
import type { Subgraph } from './subgraph.ts'

export const SERVICE_HEADER = 'x-alkaid-service'

/** The chain of timeouts: a client waits 30 s, the gateway 12 s, a subgraph 11 s (this one), a transaction 10 s. */
const ANSWER_MS = 11_000
/** A client may send 1 MB. Query plans add the ids that other subgraphs found. */
const MAX_BODY = 8 * 1024 * 1024

const requestBody = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
})

/**
 * Status 200 for every GraphQL answer, including errors. Any other status is about the HTTP request or the credential.
 * @param serviceSecrets the credentials that are accepted
 */
export function federationHandler(subgraph: Subgraph, serviceSecrets: readonly string[]): Handler {
  const expected = serviceSecrets.map(digest)
  return async (request) => {
    const credential = request.headers[SERVICE_HEADER]
    if (typeof credential !== 'string' || !expected.some((one) => timingSafeEqual(digest(credential), one))) {
      throw unauthenticated(
        `Only the gateway may call this: send SERVICE_SECRET in the header \`${SERVICE_HEADER}\``,
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

/** All digests have the same length, which a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
