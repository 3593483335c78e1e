// A time limit for work that cannot be cancelled.

/**
 * Resolves as `work` does, or rejects with the error that `late` makes after `ms` milliseconds. The work itself goes on after the
 * deadline, and its result is ignored.
 */
export async function withDeadline<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(() => limit.reject(late()), ms)
  try {
    return await Promise.race([work, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
