// Lengths of time in ms, and dates as numbers.

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
/** A day of UTC. A day of a zone can be shorter or longer. */
export const DAY_MS = 86_400_000

/** Reads a date such as `2026-12-24` as days since 1970-01-01. Undefined: it is not in the calendar. */
export function dayOfDate(date: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return undefined
  const day = Date.parse(date) / DAY_MS
  // Date.parse reads 2026-02-30, which does not exist, as another day.
  return Number.isInteger(day) && new Date(day * DAY_MS).toISOString().startsWith(date) ? day : undefined
}

/** The start of the period that contains `ms`. Periods have `length` ms and count from the Unix epoch. */
export function floorTo(ms: number, length: number): number {
  return Math.floor(ms / length) * length
}
