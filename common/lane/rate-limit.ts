// The rate limit of app keys: a token bucket for each key. A bucket holds as many tokens as the key may send requests in one second. A
// request takes one, and tokens come back continuously. Example: 100 requests per second. A key that was silent sends 100 at once, and from
// then on one every 10 ms. A limit that counts by seconds of the clock would allow 200 around the end of a second.

export type RateLimit = {
  /**
   * Takes a token of this key at `now` (ms). Returns 0, or the seconds until the next token comes, rounded up: the value of
   * `retry-after`. Call it only for valid keys, so that made-up keys use no memory.
   */
  take(key: string, perSecond: number, now: number): number
  /** How many buckets are kept. */
  readonly size: number
}

/** `at`: when `tokens` was right, in ms. */
type Bucket = { tokens: number; at: number }

export function createRateLimit(): RateLimit {
  /** The bucket that was made or looked at first comes first. */
  const buckets = new Map<string, Bucket>()

  /** A full bucket is the same as none. Each new bucket looks at the two oldest, so idle ones go, and no request looks at many. */
  function dropIdle(now: number): void {
    let looked = 0
    for (const [key, bucket] of buckets) {
      if (looked === 2) return
      looked += 1
      buckets.delete(key)
      if (now - bucket.at < FULL_AFTER_MS) buckets.set(key, bucket)
    }
  }

  return {
    take(key, perSecond, now) {
      let bucket = buckets.get(key)
      if (bucket === undefined) {
        dropIdle(now)
        bucket = { tokens: perSecond, at: now }
        buckets.set(key, bucket)
      }
      // A clock that was set back gives no tokens and takes none.
      const passed = Math.max(0, now - bucket.at)
      const tokens = Math.min(perSecond, bucket.tokens + (passed * perSecond) / 1000)
      bucket.at = now
      bucket.tokens = tokens < 1 ? tokens : tokens - 1
      return tokens < 1 ? Math.max(1, Math.ceil((1 - tokens) / perSecond)) : 0
    },
    get size() {
      return buckets.size
    },
  }
}

/** An empty bucket is full again after one second. */
const FULL_AFTER_MS = 1000
