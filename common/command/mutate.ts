// The frame of every mutation: one transaction that holds the idempotency key, the change itself and its entry in
// the change log. What is to happen after the commit happens in the caller.

import { type Action, authorize, requirePrincipal } from '../access/rights.ts'
import { recordChange, type SubjectType } from '../store/changes.ts'
import type { Tx } from '../store/collection.ts'
import { findRepeat, rememberCall } from '../store/idempotency.ts'
import { isDuplicateKey } from '../store/store.ts'
import type { Caller, Services } from './services.ts'

/** What the body of a mutation works with. */
export type Mutation = {
  tx: Tx
  actor: string
  at: Date
  /** Throws FORBIDDEN unless the caller may do this in the app. Every mutation calls it before it changes anything. */
  authorize(app: string): void
  /** Writes the entry in the change log. `before` is null for what was made. */
  log(app: string, subject: { type: SubjectType; id: string }, before: unknown, after: unknown): Promise<void>
}

/**
 * Runs `body` in a transaction (perhaps more than once) and answers the id that it answers; or, when this call repeats an
 * earlier one by its `idempotencyKey`, changes nothing and answers the id of that one.
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
  return onceMoreOnDuplicate(() => services.store.transaction(attempt))

  async function attempt(tx: Tx) {
    const now = services.now()
    const at = new Date(now)
    const earlier = await findRepeat(tx, call, now)
    if (earlier !== undefined) return { id: earlier, repeated: true }
    const id = await body({
      tx,
      actor: call.actor,
      at,
      authorize: (app) => void authorize(principal, app, action),
      log: (app, subject, before, after) =>
        recordChange(tx, {
          app,
          at,
          actor: call.actor,
          mutation: action,
          subject,
          before,
          after,
          requestId: caller.requestId,
        }),
    })
    await rememberCall(tx, call, id, now)
    return { id, repeated: false }
  }
}

/**
 * A unique index can know of a document that the transaction's snapshot does not have yet: somebody else was first with
 * the same code or idempotency key. A second transaction sees that document, and its rules say what is to be said.
 */
async function onceMoreOnDuplicate<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (isDuplicateKey(error)) return run()
    throw error
  }
}
