// A rate limit per app key, in memory and synchronous: so many requests in each second of the clock.

export type RateLimit = {
  /** Whether one more request is allowed now. */ take(key: string, perSecond: number, now: number): boolean
}

export function createRateLimit(): RateLimit {
  let second = 0
  let used = new Map<string, number>()
  return {
    take(key, perSecond, now) {
      const current = Math.floor(now / 1000)
      if (current !== second) {
        second = current
        used = new Map()
      }
      const count = (used.get(key) ?? 0) + 1
      if (count > perSecond) return false
      used.set(key, count)
      return true
    },
  }
}
