// The id of the request that is being handled. AsyncLocalStorage keeps it, so that every log line of the request has it, also those
// of the store, and no function has to pass it on.

import { AsyncLocalStorage } from 'node:async_hooks'

/** Sent from the edge to the gateway, and from there to the subgraphs. */
export const REQUEST_ID_HEADER = 'x-request-id'

const current = new AsyncLocalStorage<string>()

/** Runs `work` for this request, with everything that it starts. */
export function withRequestId<T>(requestId: string, work: () => T): T {
  return current.run(requestId, work)
}

/** Undefined outside of a request, as in work that a timer starts. */
export function currentRequestId(): string | undefined {
  return current.getStore()
}
