// A simple evaluation of frequency caps, as an oracle for engine/decision: it keeps a list of everything that a user was served, and
// searches it each time. It names each period by what Temporal says the clock shows. It shares no code with engine/decision.

import { Temporal } from 'temporal-polyfill'
import { type CapCounters, capPeriodsOf } from '../../engine/decision/caps.ts'
import type { FrequencyCap } from '../../engine/publication/types.ts'
import { HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'

/** The counters of a user who was not served anything yet. */
export function nothingServed(zone = 'UTC', owner = 0): CapCounters {
  return { owner, byId: new Map(), periods: capPeriodsOf(zone) }
}

/** A user asks at each of these instants (ascending). Returns the instants at which a schedule with these caps is served. */
export function plainlyServed(caps: readonly FrequencyCap[], instants: readonly number[], zone: string): number[] {
  const served: { now: number; periods: string[] }[] = []
  for (const now of instants) {
    const periods = caps.map((cap) => plainPeriod(cap, now, zone))
    const inPeriod = (index: number) => served.filter((one) => one.periods[index] === periods[index]).length
    if (caps.every(({ count }, index) => inPeriod(index) < count)) served.push({ now, periods })
  }
  return served.map(({ now }) => now)
}

/** The name of the period of a cap. Two instants have the same name if and only if they are in the same period. */
export function plainPeriod({ every, unit }: FrequencyCap, instant: number, zone: string): string {
  if (unit === 'LIFETIME') return 'lifetime'
  if (unit === 'DAY') return String(Math.floor(dayAt(instant, zone) / every))
  const length = every * { MINUTE: MINUTE_MS, HOUR: HOUR_MS }[unit]
  return `${Math.floor(wallAt(instant, zone) / length)} since ${lastChange(instant, zone)}`
}

/** The date that the clock shows. If the clock went back over midnight, it is the next date, which the clock has shown before. */
function dayAt(instant: number, zone: string): number {
  const date = zoned(instant, zone).toPlainDate()
  const next = date.add({ days: 1 })
  const hasBegun = next.toZonedDateTime(zone).epochMilliseconds <= instant
  return Temporal.PlainDate.from('1970-01-01').until(hasBegun ? next : date).days
}

/** What the clock shows, as if it were UTC. */
function wallAt(instant: number, zone: string): number {
  const shown = zoned(instant, zone).toPlainDateTime()
  return shown.toZonedDateTime('UTC').epochMilliseconds
}

function lastChange(instant: number, zone: string): number | undefined {
  return zoned(instant, zone).add({ nanoseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds
}

function zoned(instant: number, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone)
}
