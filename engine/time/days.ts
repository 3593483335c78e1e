// Lengths of time, and dates as numbers. All instants are ms since the Unix epoch.

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
/** Of UTC; a day of a zone may be shorter or longer. */
export const DAY_MS = 86_400_000

/** A date as `2026-12-24`, counted in days from 1970-01-01; undefined for what is no day of the calendar. */
export function dayOfDate(date: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return undefined
  const day = Date.parse(date) / DAY_MS
  // What the calendar does not have, as 2026-02-30, is taken for another day.
  return Number.isInteger(day) && new Date(day * DAY_MS).toISOString().startsWith(date) ? day : undefined
}

/** The start of the period of `length` (milliseconds, counted from the Unix epoch) in which `ms` lies. */
export function floorTo(ms: number, length: number): number {
  return Math.floor(ms / length) * length
}
