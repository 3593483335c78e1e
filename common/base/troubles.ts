// Tells the log of a trouble once, when it begins or changes, and when it is over: what is tried every few
// seconds would otherwise fill the log.

export type TroubleLog = Record<'info' | 'warn', (details: object, line: string) => void>

export type Troubles = {
  /** @param what goes wrong; it is the same trouble as long as `problem` is the same. */
  begin(what: string, problem: string, error?: unknown): void
  end(what: string): void
}

/** So many at once are told one by one. Of more there is one line, until fewer are left. */
const MOST = 1_000

export function createTroubles(log: TroubleLog): Troubles {
  const present = new Map<string, string>()
  let isFull = false
  return {
    begin(what, problem, error) {
      if (present.get(what) === problem) return
      if (present.has(what) || present.size < MOST) {
        present.set(what, problem)
        log.warn({ ...(error === undefined ? {} : { err: error }) }, `${what}: ${problem}`)
      } else if (!isFull) {
        isFull = true
        log.warn({}, `${MOST} troubles at once: further ones are not told one by one`)
      }
    },
    end(what) {
      if (!present.delete(what)) return
      isFull = false
      log.info({}, `${what}: in order again`)
    },
  }
}
