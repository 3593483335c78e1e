// The clock of a time zone as arithmetic. Between two changes of its clock, a zone has a fixed offset from UTC: Berlin has +2 h from
// 29 March to 25 October 2026. Once the changes around an instant are known, the time zone database is not needed.

import { Temporal } from 'temporal-polyfill'
import { DAY_MS } from './days.ts'

/**
 * The clock of one zone. A wall time is what the clock shows, in ms since 1970-01-01T00:00 on this clock. An instant is in ms since
 * the Unix epoch. When clocks go forward, some wall times never come. When they go back, some come twice.
 */
export type Clock = {
  /** The wall time at an instant. */
  wallAt(instant: number): number
  /** The first instant at which the clock shows `wall` or a later time. */
  firstFrom(wall: number): number
  /** The first instant from which on the clock never shows a time before `wall`. Never before `firstFrom(wall)`. */
  lastBefore(wall: number): number
  /** The time around an instant without a change of the clock. Changes 20 or more days away can be ignored. */
  spanAt(instant: number): ClockSpan
}

/** In [from, until), the wall time is the instant + `offset`. */
export type ClockSpan = { from: number; until: number; offset: number }

/** Spans are computed for one stretch of time at once, about a year. */
const STRETCH_MS = 400 * DAY_MS
/** More than any offset from UTC and any change of a clock. It is also how far `spanAt` looks. */
const MARGIN_MS = 20 * DAY_MS
const MAX_KNOWN = 1_000

/** zone and stretch -> its spans. Module state on purpose: all slots share the zones. */
const knownSpans = new Map<string, readonly ClockSpan[]>()

/**
 * The usual spelling of a zone name in any letter case: `asia/kolkata` is `Asia/Kolkata`. Undefined: it is not a zone. Some names that
 * Intl accepts are not zones here: offsets such as `+08:00` have no daylight saving, and abbreviations such as `IST` mean several
 * zones.
 */
export function zoneName(text: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9+_/-]*$/.test(text)) return undefined
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(text).timeZoneId
  } catch {
    // Temporal throws a RangeError for an unknown zone.
    return undefined
  }
}

/** @throws RangeError for a zone that is not in the IANA database. */
export function clockOf(zone: string): Clock {
  let stretch = 0
  let spans = spansOf(zone, stretch) // now, so that an unknown zone is refused here

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
  const found = knownSpans.get(name)
  if (found) return found
  if (knownSpans.size >= MAX_KNOWN) knownSpans.clear() // a query over centuries must not stay in memory
  const spans = findSpans(zone, stretch * STRETCH_MS - MARGIN_MS, (stretch + 1) * STRETCH_MS + MARGIN_MS)
  knownSpans.set(name, spans)
  return spans
}

/** The spans between two instants. The first begins at -Infinity and the last ends at Infinity, so every instant has a span. */
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
