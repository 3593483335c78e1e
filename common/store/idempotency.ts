// Idempotency keys (scope: actor + mutation, 24 h): a repeat changes nothing and answers the same entity; the same
// key with other arguments is IDEMPOTENCY_MISMATCH. The record is part of the mutation's own transaction.

import { contentHash } from '../base/content-hash.ts'
import { AlkaidError } from '../base/errors.ts'
import type { IndexDefinition, Tx } from './collection.ts'

type UsedKey = { _id: string; argumentsHash: string; result: string; at: Date }

/** Which call it is. `key` undefined or null: the caller gave none, and every call counts. */
export type Call = { actor: string; mutation: string; key: string | null | undefined; arguments: unknown }

const COLLECTION = 'idempotencyKeys'
const DAY_SECONDS = 24 * 3600

export const idempotencyIndexes: IndexDefinition[] = [
  { collection: COLLECTION, key: { at: 1 }, options: { expireAfterSeconds: DAY_SECONDS } },
]

/** The id that the first call answered, when this call repeats it. TTL deletion lags, so the age is checked as well. */
export async function findRepeat(tx: Tx, call: Call, now: number): Promise<string | undefined> {
  if (!call.key) return undefined
  const used = await tx.collection<UsedKey>(COLLECTION).findOne({ _id: idOf(call) })
  if (!used || used.at.getTime() < now - DAY_SECONDS * 1000) return undefined
  if (used.argumentsHash === contentHash(call.arguments)) return used.result
  throw new AlkaidError(
    'IDEMPOTENCY_MISMATCH',
    `The idempotency key ${JSON.stringify(call.key)} was used for ${call.mutation} with other arguments`,
  )
}

export async function rememberCall(tx: Tx, call: Call, result: string, now: number): Promise<void> {
  if (!call.key) return
  const record = { argumentsHash: contentHash(call.arguments), result, at: new Date(now) }
  await tx.collection<UsedKey>(COLLECTION).updateOne({ _id: idOf(call) }, { $set: record }, { upsert: true })
}

function idOf(call: Call): string {
  return JSON.stringify([call.actor, call.mutation, call.key])
}
