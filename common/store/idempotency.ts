// Idempotency keys. A repeated call changes nothing and has the result of the first one. The same key with other arguments is
// IDEMPOTENCY_MISMATCH. A key belongs to one actor and one mutation, and lasts 24 hours. It is stored in the mutation's transaction.

import { contentHash } from '../base/content-hash.ts'
import { AlkaidError } from '../base/errors.ts'
import type { IndexDefinition, Tx } from './collection.ts'

type UsedKey = { _id: string; argumentsHash: string; result: string; at: Date }

/** Identifies a call. A call without a key never counts as a repeat. */
export type Call = { actor: string; mutation: string; key: string | null | undefined; arguments: unknown }

const COLLECTION = 'idempotencyKeys'
const DAY_SECONDS = 24 * 3600

export const idempotencyIndexes: IndexDefinition[] = [
  { collection: COLLECTION, key: { at: 1 }, options: { expireAfterSeconds: DAY_SECONDS } },
]

/** The result of the first call when this call repeats it, else undefined. MongoDB deletes old keys late, so the age is checked. */
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
