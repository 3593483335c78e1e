// Days of a time zone. A day lasts from its first instant (which is not always midnight) to the first instant of the
// next one, so that days follow each other without gap or overlap, whatever the clocks there do.

import { Temporal } from 'temporal-polyfill'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
/** Of UTC; a day of a zone may be shorter or longer. */
export const DAY_MS = 86_400_000

/**
 * The first instant of the day of `zone` in which `ms` lies; both in milliseconds since the Unix epoch. Throws RangeError for a
 * zone that is not in the IANA database.
 */
export function startOfDay(ms: number, zone: string): number {
  const starts = startsAround(Math.floor(ms / DAY_MS), zone)
  let start = starts[0]!
  for (const next of starts) if (next <= ms) start = next
  return start
}

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

/** zone -> UTC day (counted from the Unix epoch) -> starts of the zone's days, from one before that day to its end. */
const known = new Map<string, Map<number, readonly number[]>>()
const MAX_DAYS_KNOWN = 2_000

function startsAround(utcDay: number, zone: string): readonly number[] {
  const days = known.get(zone) ?? new Map<number, readonly number[]>()
  const found = days.get(utcDay)
  if (found) return found
  const starts = findStarts(utcDay, zone)
  known.set(zone, days) // only now: a zone that is none has thrown
  if (days.size >= MAX_DAYS_KNOWN) days.clear() // an import of many years must not stay in memory
  days.set(utcDay, starts)
  return starts
}

function findStarts(utcDay: number, zone: string): number[] {
  const first = Temporal.Instant.fromEpochMilliseconds(utcDay * DAY_MS)
    .toZonedDateTimeISO(zone)
    .toPlainDate()
  // Two dates on, the day has begun after the end of this UTC day everywhere.
  return [-1, 0, 1, 2]
    .map((days) => first.add({ days }).toZonedDateTime(zone).epochMilliseconds)
    .filter((start) => start < (utcDay + 1) * DAY_MS)
}
