// Caches one value of another system, such as the key set of an identity provider. A stale value is served while it is read again
// (stale-while-revalidate). Callers share one read, and cannot cause many reads. While the source is out of reach, the last value is
// served for a bounded time.

import type { Logger } from './log.ts'

export type CachedSourceOptions<T> = {
  /** What it is, for the log: `the key set of the identity provider`. */
  name: string
  /** Reads it, in bounded time. */
  read(): Promise<T>
  /** All ages are in milliseconds since the read began. A younger value is served as it is. */
  freshMs: number
  /** A younger value is served while it is read again. For an older one callers wait, unless a read has failed in this time. */
  staleMs: number
  /** An older value is not served any more. */
  keepMs: number
  /** Until the next read after one that failed. */
  retryMs: number
  /** Between two reads that `getNewer` causes. */
  newerEveryMs: number
  /** Gets one line when the source is out of reach, and one when it is back. */
  log?: Logger | undefined
  /** Milliseconds of a clock that never goes back. */
  clock?: () => number
}

export type CachedSource<T> = {
  /** Rejects with the error of `read` when there is no value to serve. */
  get(): Promise<T>
  /** The value of `get`, where nothing has to wait for it: the usual case. Undefined: `get` would wait, or reject. */
  current(): { value: T } | undefined
  /**
   * For a caller that misses something in the value of `get`, such as a new key. Resolves to the value of a read that began after
   * this call. When the last such read is too recent, it resolves to the last value, with `isNewer` false. Rejects while the source is
   * out of reach, because the source may have the missing part by now.
   */
  getNewer(): Promise<{ value: T; isNewer: boolean }>
}

export function cachedSource<T>(options: CachedSourceOptions<T>): CachedSource<T> {
  const { name, read, freshMs, staleMs, keepMs, retryMs, newerEveryMs, log } = options
  const clock = options.clock ?? (() => performance.now())
  let cached: { value: T; readAt: number } | undefined
  /** Of the last read, if it failed. */
  let failure: { error: unknown; at: number } | undefined
  let reading: Promise<T> | undefined
  let newerAt = Number.NEGATIVE_INFINITY

  function readOnce(): Promise<T> {
    reading ??= attempt().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function attempt(): Promise<T> {
    const readAt = clock()
    try {
      const value = await read()
      if (failure) log?.info(`${name} can be read again`)
      cached = { value, readAt }
      failure = undefined
      return value
    } catch (error) {
      const goesOn = cached ? 'what was read before is used meanwhile' : 'there is nothing to use in its place'
      if (!failure) log?.warn({ err: error }, `${name} cannot be read; ${goesOn}`)
      failure = { error, at: clock() }
      throw error
    }
  }

  const failedWithin = (ms: number) => failure !== undefined && clock() - failure.at < ms

  /** What can be served without waiting. Begins a read when it is stale. */
  function current(): { value: T } | undefined {
    const age = cached ? clock() - cached.readAt : Number.POSITIVE_INFINITY
    if (age >= keepMs) return undefined
    // A failed read is logged, and leaves what was read before.
    if (age >= freshMs && !failedWithin(retryMs)) readOnce().catch(() => {})
    return age < staleMs || failedWithin(staleMs) ? cached : undefined
  }

  return {
    current,

    async get() {
      const now = current()
      if (now) return now.value
      const before = cached && clock() - cached.readAt < keepMs ? cached : undefined
      if (failure && failedWithin(retryMs)) {
        if (before) return before.value
        throw failure.error
      }
      return before ? readOnce().catch(() => before.value) : readOnce()
    },

    async getNewer() {
      await reading?.catch(() => {}) // it began before this call
      if (reading) return { value: await reading, isNewer: true } // of another caller who waited for the same
      if (failure && failedWithin(retryMs)) throw failure.error
      if (cached && clock() - newerAt < newerEveryMs) return { value: cached.value, isNewer: false }
      newerAt = clock()
      return { value: await readOnce(), isNewer: true }
    },
  }
}
