// The id of the request that is being handled, known to everything that happens on its behalf: every line that is
// logged meanwhile carries it, down to the store's.

import { AsyncLocalStorage } from 'node:async_hooks'

/** Travels from the edge to the gateway, and from there to the subgraphs. */
export const REQUEST_ID_HEADER = 'x-request-id'

const current = new AsyncLocalStorage<string>()

/** Runs `work`, and whatever it begins, on behalf of this request. */
export function withRequestId<T>(requestId: string, work: () => T): T {
  return current.run(requestId, work)
}

/** Undefined outside any request, as in what runs by a clock. */
export function currentRequestId(): string | undefined {
  return current.getStore()
}
