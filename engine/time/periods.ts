// The periods in which things are counted: a number of minutes, hours or days on the clock of a zone. Periods follow each other without
// gaps or overlaps. Minutes lie inside hours, and hours inside days.
//
// Periods count from 1970-01-01T00:00 on that clock: 2 hours begin at 00:00, 02:00 and so on, and 7 days begin on Thursdays.
// - A period of days ends at the first instant of the day after its last day. In Berlin, 29 March 2026 has 23 hours.
// - A period of minutes or hours ends early when the clocks change, and a new one begins. So none is longer than its length. In Berlin,
//   the hour from 02:00 comes twice on 25 October 2026, and each is a period of its own.

import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './days.ts'
import { type Clock, clockOf } from './wall-clock.ts'

export type PeriodUnit = 'MINUTE' | 'HOUR' | 'DAY'

/** [begins, ends), in ms since the Unix epoch. */
export type TimePeriod = { begins: number; ends: number }

export const UNIT_MS: Readonly<Record<PeriodUnit, number>> = { MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: DAY_MS }

/**
 * The period that contains `instant` (ms since the Unix epoch).
 *
 * @param every the number of units in a period, 1 to 366.
 */
export function periodAt(clock: Clock, instant: number, unit: PeriodUnit, every = 1): TimePeriod {
  const length = every * UNIT_MS[unit]
  if (unit === 'DAY') return daysAt(clock, instant, length)
  const { from, until, offset } = clock.spanAt(instant)
  const begins = floorTo(instant + offset, length) - offset
  return { begins: Math.max(begins, from), ends: Math.min(begins + length, until) }
}

/** The first instant of the day of `zone` that contains `instant`. Throws RangeError for a zone that is not in the IANA database. */
export function startOfDay(instant: number, zone: string): number {
  return periodAt(clockOf(zone), instant, 'DAY').begins
}

function daysAt(clock: Clock, instant: number, length: number): TimePeriod {
  let wall = floorTo(clock.wallAt(instant), length)
  // Where the clocks went back over midnight, the next day has already begun, although the clock shows the old date.
  while (clock.firstFrom(wall + length) <= instant) wall += length
  return { begins: clock.firstFrom(wall), ends: clock.firstFrom(wall + length) }
}
