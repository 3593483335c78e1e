// A subgraph in another process, as the gateway's plans see it: POST `/federation` with the service credential and the
// caller's own token.

import { AlkaidError } from '../common/base/errors.ts'
import type { Logger } from '../common/base/log.ts'
import { REQUEST_ID_HEADER } from '../common/base/request-id.ts'
import { SERVICE_HEADER } from '../common/graphql/federation.ts'
import type { GraphQLAnswer } from '../common/graphql/subgraph.ts'
import type { Upstream } from './data-source.ts'
import type { Remote } from './remote-request.ts'

/** Rejects with UNAVAILABLE or TIMEOUT: a subgraph that is down costs only its fields. */
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
      const answer = status === 200 ? readAnswer(body) : undefined
      if (answer) return answer
      // Nothing that the caller could mend: 401, for one, is about our credential, not about their token.
      log.error({ subgraph: name, status, body: body.slice(0, 500) }, refusal(status))
      throw new AlkaidError('UNAVAILABLE', `The subgraph ${name} did not take the request`)
    },
  }
}

function refusal(status: number): string {
  return status === 401
    ? 'a subgraph refused the service credential: SERVICE_SECRET must be the same for all services'
    : 'a subgraph answered something else than GraphQL'
}

function readAnswer(body: string): GraphQLAnswer | undefined {
  try {
    const answer = JSON.parse(body) as GraphQLAnswer | null
    return answer?.data !== undefined || answer?.errors !== undefined ? answer : undefined
  } catch {
    return undefined // told by the caller
  }
}
