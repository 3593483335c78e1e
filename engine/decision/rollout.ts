// Which users a partial rollout lets in: each has one place out of 10,000 in each group, and those below the rollout's
// share are in. So raising the share never drops anybody, and rollouts of one group choose the same users.

import { murmur3Joined, utf8 } from '../hash.ts'
import type { PublishedRollout } from '../publication/types.ts'
import type { CompiledContext } from '../targeting/context.ts'
import { isStickiness } from '../targeting/rollout.ts'

/** One group and what it sticks to. The entries of a slot share it, so that a request is hashed once for all of them. */
type Bucketing = {
  stickiness: string | null
  /** `<group>:` as UTF-8. */
  prefix: Uint8Array
  /** The context asked for last, and its bucket. */
  serial: number
  bucket: number
}

export type CompiledRollout = { buckets: number; bucketing: Bucketing }

const BUCKETS = 10_000

/**
 * A function that compiles the rollouts of one slot; null lets everybody in.
 *
 * @throws Error (that function) on a stickiness that this version does not know: no guess is safe.
 */
export function rolloutCompiler(): (rollout: PublishedRollout | null) => CompiledRollout | null {
  const bucketings = new Map<string, Bucketing>()
  return (rollout) => {
    if (!rollout) return null
    const { buckets, stickiness, group } = rollout
    if (stickiness !== null && !isStickiness(stickiness)) {
      throw new Error(`Cannot compile a rollout: this version does not know how to stick to ${stickiness}`)
    }
    if (buckets >= BUCKETS) return null
    const name = JSON.stringify([stickiness, group])
    const bucketing = bucketings.get(name) ?? { stickiness, prefix: utf8(`${group}:`), serial: 0, bucket: 0 }
    bucketings.set(name, bucketing)
    return { buckets, bucketing }
  }
}

/** Whether a request is in; one without anything to stick to never is. */
export function isIn({ buckets, bucketing }: CompiledRollout, context: CompiledContext): boolean {
  return placeIn(bucketing, context) < buckets
}

/** The bucket of a request, 0 to 9,999; null without anything to stick to. */
export function bucketOf({ bucketing }: CompiledRollout, context: CompiledContext): number | null {
  const bucket = placeIn(bucketing, context)
  return bucket === BUCKETS ? null : bucket
}

/** The bucket of a request; the one after the last without anything to stick to. */
function placeIn(bucketing: Bucketing, context: CompiledContext): number {
  if (bucketing.serial !== context.serial) {
    const key = context.stickyKey(bucketing.stickiness)
    bucketing.bucket = key ? bucketOfHash(murmur3Joined(bucketing.prefix, key)) : BUCKETS
    bucketing.serial = context.serial
  }
  return bucketing.bucket
}

/**
 * The bucket (0 to 9,999) of `murmur3("<group>:<key>")`. Its hundreds are the hash modulo 100, by which Unleash decides,
 * so that whole percentages let in the same users there and here.
 */
function bucketOfHash(hash: number): number {
  return (hash % 100) * 100 + (Math.floor(hash / 100) % 100)
}
