// Logs a repeated problem once: when it begins or changes, and when it is over. Work that runs every few seconds would
// otherwise fill the log with the same line.

/** The part of a logger that is used here. */
export type ProblemLogger = Record<'info' | 'warn', (details: object, line: string) => void>

export type ProblemLog = {
  /** Logs the problem, unless the same problem of this subject is logged already. Subject: `slot home.banner of app shop`. */
  report(subject: string, problem: string, error?: unknown): void
  /** Logs that the subject has no problem any more, if it had one. */
  resolve(subject: string): void
}

/** At most this many problems at once are logged one by one. Then one line says that there are more. */
const MAX_PROBLEMS = 50

export function createProblemLog(log: ProblemLogger): ProblemLog {
  const present = new Map<string, string>()
  let isFull = false
  return {
    report(subject, problem, error) {
      if (present.get(subject) === problem) return
      if (present.has(subject) || present.size < MAX_PROBLEMS) {
        present.set(subject, problem)
        log.warn({ ...(error === undefined ? {} : { err: error }) }, `${subject}: ${problem}`)
      } else if (!isFull) {
        isFull = true
        log.warn({}, `${MAX_PROBLEMS} problems at once: further ones are not logged one by one`)
      }
    },
    resolve(subject) {
      if (!present.delete(subject)) return
      isFull = false
      log.info({}, `${subject}: in order again`)
    },
  }
}
