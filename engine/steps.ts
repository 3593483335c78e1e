// Long work in small steps. The work is a generator that yields between two steps, so its caller may pause there, for example to
// let requests be answered. A step takes a small part of a millisecond.

export type Steps<Result> = Generator<undefined, Result, undefined>

/** Runs all steps at once. */
export function runSteps<Result>(steps: Steps<Result>): Result {
  while (true) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
