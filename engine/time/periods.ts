// The periods in which things are counted: every so many minutes, hours or days, as the clock of a zone shows them. They
// follow each other without gap or overlap, and minutes lie within hours, hours within days.
//
// They are counted from 1970-01-01T00:00 on that clock: every 2 hours at 00:00, 02:00 and so on, every 7 days on Thursdays.
// - Days last from the first instant of their first day to the first instant of the day after their last: in Berlin,
//   29 March 2026 has 23 hours.
// - A period of minutes or hours ends early where the clocks change, and another one begins. So none is longer than it says: of
//   the hour from 02:00 that comes twice in Berlin on 25 October 2026, each is a period.

import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './days.ts'
import { type Clock, clockOf } from './wall-clock.ts'

export type PeriodUnit = 'MINUTE' | 'HOUR' | 'DAY'

/** [begins, ends), in ms since the Unix epoch. */
export type TimePeriod = { begins: number; ends: number }

export const UNIT_MS: Readonly<Record<PeriodUnit, number>> = { MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: DAY_MS }

/**
 * The period in which `instant` (ms since the Unix epoch) lies.
 *
 * @param every how many units it has: 1 to 366.
 */
export function periodAt(clock: Clock, instant: number, unit: PeriodUnit, every = 1): TimePeriod {
  const length = every * UNIT_MS[unit]
  if (unit === 'DAY') return daysAt(clock, instant, length)
  const { from, until, offset } = clock.spanAt(instant)
  const begins = floorTo(instant + offset, length) - offset
  return { begins: Math.max(begins, from), ends: Math.min(begins + length, until) }
}

/** The first instant of the day of `zone` in which `instant` lies. Throws RangeError for a zone that is not in the IANA database. */
export function startOfDay(instant: number, zone: string): number {
  return periodAt(clockOf(zone), instant, 'DAY').begins
}

function daysAt(clock: Clock, instant: number, length: number): TimePeriod {
  let wall = floorTo(clock.wallAt(instant), length)
  // Where clocks went back over midnight, the next day has begun already, whatever the clock shows.
  while (clock.firstFrom(wall + length) <= instant) wall += length
  return { begins: clock.firstFrom(wall), ends: clock.firstFrom(wall + length) }
}
