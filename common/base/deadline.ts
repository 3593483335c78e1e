// A time limit on work that cannot be cancelled.

/**
 * What `work` resolves to, if that is within `ms` milliseconds; else rejects with what `late` makes. The work goes on all
 * the same, and what then becomes of it no longer matters.
 */
export async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(() => limit.reject(late()), ms)
  try {
    return await Promise.race([work, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
