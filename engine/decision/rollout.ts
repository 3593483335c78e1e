// Which users a partial rollout lets in. Each user has one of 10,000 buckets in each group. A rollout of 25 % lets in buckets 0 to
// 2,499. So a higher percentage never drops a user, and rollouts of the same group let in the same users.
//
// Example: murmur3("summer:user-7") = 514,882,481. The bucket is 81 * 100 + 24 = 8,124, so a rollout of 81.24 % does not let this
// user in, and one of 81.25 % does.

import { murmur3Joined, utf8 } from '../hash.ts'
import type { PublishedRollout } from '../publication/types.ts'
import { isStickiness } from '../targeting/check-rollout.ts'
import type { CompiledContext } from '../targeting/context.ts'

/**
 * One group and its stickiness. All rollouts of a slot with the same two share one object, which remembers the last bucket. So a
 * request is hashed once, and not once for each entry. The memo is overwritten by each request. It allocates nothing, where a map
 * in the context would allocate for every request.
 */
type Bucketing = {
  stickiness: string | null
  /** `<group>:` as UTF-8. */
  prefix: Uint8Array
  /** The bucket of the last request, and the number of this request. */
  requestNumber: number
  bucket: number
}

export type CompiledRollout = { buckets: number; bucketing: Bucketing }

const BUCKETS = 10_000
/** Stands for "no bucket": the request has nothing to stick to. It is outside of every rollout. */
const NO_BUCKET = BUCKETS

/**
 * Returns a function that compiles the rollouts of one slot. Null means that every request is in.
 *
 * @throws Error (that function) on a stickiness that this version does not know: no guess is safe.
 */
export function rolloutCompiler(): (rollout: PublishedRollout | null) => CompiledRollout | null {
  const bucketings = new Map<string, Bucketing>()
  return (rollout) => {
    if (!rollout) return null
    const { buckets, stickiness, group } = rollout
    if (stickiness !== null && !isStickiness(stickiness)) {
      throw new Error(
        `Cannot compile a rollout: unknown stickiness ${stickiness}. Expected userId, deviceId or attributes.<name>. A newer version of Alkaid may know it`,
      )
    }
    if (buckets >= BUCKETS) return null
    const name = JSON.stringify([stickiness, group])
    const bucketing = bucketings.get(name) ?? { stickiness, prefix: utf8(`${group}:`), requestNumber: 0, bucket: 0 }
    bucketings.set(name, bucketing)
    return { buckets, bucketing }
  }
}

/** Whether a request is in. A request with nothing to stick to is never in. */
export function isIn({ buckets, bucketing }: CompiledRollout, context: CompiledContext): boolean {
  return readBucket(bucketing, context) < buckets
}

/** The bucket of a request, 0 to 9,999; null: it has nothing to stick to. */
export function bucketOf({ bucketing }: CompiledRollout, context: CompiledContext): number | null {
  const bucket = readBucket(bucketing, context)
  return bucket === NO_BUCKET ? null : bucket
}

/** The bucket of a request, or NO_BUCKET. */
function readBucket(bucketing: Bucketing, context: CompiledContext): number {
  if (bucketing.requestNumber !== context.requestNumber) {
    const key = context.stickyKey(bucketing.stickiness)
    bucketing.bucket = key ? bucketOfHash(murmur3Joined(bucketing.prefix, key)) : NO_BUCKET
    bucketing.requestNumber = context.requestNumber
  }
  return bucketing.bucket
}

/**
 * The bucket of `murmur3("<group>:<key>")`: the last two digits of the hash, then the two digits before them. Example: a hash
 * of ...7238 gives 3872. Unleash decides by the hash modulo 100 (here 38), so whole percentages let in the same users there.
 */
function bucketOfHash(hash: number): number {
  return (hash % 100) * 100 + (Math.floor(hash / 100) % 100)
}
