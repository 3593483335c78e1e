// What the clocks of a time zone show, as arithmetic: between two changes of its clocks a zone is a fixed distance from UTC,
// so that once the changes around an instant are known, nothing asks the time zone database any more.

import { Temporal } from 'temporal-polyfill'
import { DAY_MS } from './days.ts'

/**
 * The clock of one zone. Wall times are milliseconds from 1970-01-01T00:00 as that clock shows them, instants milliseconds
 * since the Unix epoch. Where clocks go forward some wall times never come, where they go back some come twice.
 */
export type Clock = {
  /** What the clock shows at an instant. */
  wallAt(instant: number): number
  /** The first instant at which the clock shows `wall` or later. */
  firstFrom(wall: number): number
  /** The instant after which the clock never again shows less than `wall`. Never before `firstFrom(wall)`. */
  lastBefore(wall: number): number
  /** The time around an instant in which the clock is not changed. A change 20 days away or more may be left out. */
  spanAt(instant: number): ClockSpan
}

/** From `from` until just before `until`, wall time is the instant + `offset`. */
export type ClockSpan = { from: number; until: number; offset: number }

/** About a year: spans are found for so long a stretch at once. */
const STRETCH_MS = 400 * DAY_MS
/** More than any clock is away from UTC, or was ever set by; and as far as `spanAt` looks. */
const MARGIN_MS = 20 * DAY_MS
const MAX_KNOWN = 1_000

/** zone and stretch -> its spans. */
const known = new Map<string, readonly ClockSpan[]>()

/**
 * The usual spelling of a zone's name, which is taken in any letter case: `asia/kolkata` is `Asia/Kolkata`. Undefined for what
 * no clock can be made of. Of those that Intl takes these are offsets such as `+08:00`, which know no daylight saving, and
 * abbreviations such as `IST`, which mean several zones.
 */
export function zoneName(text: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9+_/-]*$/.test(text)) return undefined
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(text).timeZoneId
  } catch {
    // A RangeError is how Temporal says that it knows no such zone.
    return undefined
  }
}

/** @throws RangeError for a zone that is not in the IANA database. */
export function clockOf(zone: string): Clock {
  let stretch = 0
  let spans = spansOf(zone, stretch) // at once, so that an unknown zone is refused here

  function around(time: number): readonly ClockSpan[] {
    const asked = Math.floor(time / STRETCH_MS)
    if (asked === stretch) return spans
    stretch = asked
    spans = spansOf(zone, asked)
    return spans
  }

  const spanAt = (instant: number) => around(instant).find(({ until }) => instant < until)!

  return {
    spanAt,
    wallAt: (instant) => instant + spanAt(instant).offset,
    firstFrom(wall) {
      const { from, offset } = around(wall).find((span) => wall < span.until + span.offset)!
      return Math.max(from, wall - offset)
    },
    lastBefore(wall) {
      const { until, offset } = around(wall).findLast((span) => span.from + span.offset < wall)!
      return Math.min(until, wall - offset)
    },
  }
}

function spansOf(zone: string, stretch: number): readonly ClockSpan[] {
  const name = `${zone} ${stretch}`
  const found = known.get(name)
  if (found) return found
  if (known.size >= MAX_KNOWN) known.clear() // a look over centuries must not stay in memory
  const spans = findSpans(zone, stretch * STRETCH_MS - MARGIN_MS, (stretch + 1) * STRETCH_MS + MARGIN_MS)
  known.set(name, spans)
  return spans
}

/** The spans between two instants, the first and last without bound: within a stretch every question has its answer. */
function findSpans(zone: string, begin: number, end: number): ClockSpan[] {
  let at = Temporal.Instant.fromEpochMilliseconds(begin).toZonedDateTimeISO(zone)
  let from = Number.NEGATIVE_INFINITY
  const spans: ClockSpan[] = []
  while (true) {
    const next = at.getTimeZoneTransition('next')
    const until = next === null || next.epochMilliseconds >= end ? Number.POSITIVE_INFINITY : next.epochMilliseconds
    spans.push({ from, until, offset: at.offsetNanoseconds / 1e6 })
    if (next === null || until === Number.POSITIVE_INFINITY) return spans
    at = next
    from = until
  }
}
