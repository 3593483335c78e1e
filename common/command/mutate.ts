// The frame of every mutation. One transaction holds the change itself, its entry in the change log and the idempotency key.
// Work that follows the commit, such as writing to the channel, is done by the caller of `mutate`.

import { type Action, authorize, requirePrincipal } from '../access/rights.ts'
import { recordChange, type SubjectType } from '../store/changes.ts'
import type { Tx } from '../store/collection.ts'
import { findRepeat, rememberCall } from '../store/idempotency.ts'
import { isDuplicateKey } from '../store/store-errors.ts'
import type { Caller, Services } from './services.ts'

/** What the body of a mutation works with. */
export type Mutation = {
  tx: Tx
  actor: string
  at: Date
  /** Throws FORBIDDEN unless the caller may do this in the app. Every body calls it before it changes anything. */
  authorize(app: string): void
  /** Writes the entry in the change log. `before` is null for a new thing. */
  log(app: string, subject: { type: SubjectType; id: string }, before: unknown, after: unknown): Promise<void>
}

/**
 * Runs `body` in a transaction, perhaps more than once, and resolves to the id that `body` resolves to. When the call repeats an
 * earlier one with the same `idempotencyKey`, it changes nothing and resolves to the id of the earlier call.
 */
export async function mutate(
  services: Services,
  caller: Caller,
  action: Action,
  input: { idempotencyKey?: string | null },
  body: (mutation: Mutation) => Promise<string>,
): Promise<{ id: string; repeated: boolean }> {
  const principal = requirePrincipal(caller.principal)
  const { idempotencyKey, ...rest } = input
  const call = { actor: principal.actor, mutation: action, key: idempotencyKey, arguments: rest }
  return againOnDuplicate(() => services.store.transaction(runOnce))

  async function runOnce(tx: Tx): Promise<{ id: string; repeated: boolean }> {
    const now = services.now()
    const earlierId = await findRepeat(tx, call, now)
    if (earlierId !== undefined) return { id: earlierId, repeated: true }
    const id = await body(mutationIn(tx, new Date(now)))
    await rememberCall(tx, call, id, now)
    return { id, repeated: false }
  }

  function mutationIn(tx: Tx, at: Date): Mutation {
    const { actor } = principal
    const { requestId } = caller
    return {
      tx,
      actor,
      at,
      authorize: (app) => void authorize(principal, app, action),
      log: (app, subject, before, after) =>
        recordChange(tx, { app, at, actor, mutation: action, subject, before, after, requestId }),
    }
  }
}

/**
 * Runs the transaction a second time after a duplicate key. Somebody else has committed the same code or idempotency key, and the
 * snapshot of the first transaction did not have it yet. The second one sees it, and answers with the usual error or result.
 */
async function againOnDuplicate<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (isDuplicateKey(error)) return run()
    throw error
  }
}
