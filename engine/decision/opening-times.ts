// When the times of an entry (day parts, excluded dates, a recurrence) are open, as instants. The rules:
//
// - Parts begin on the days that the recurrence names, except excluded dates. A date that the zone skipped is not a day.
// - A part opens when the clock first shows `from` or later. It closes when the clock has shown its last minute for the last time.
//   A part is never in two pieces.
// - When the clocks go forward, 02:00 to 03:00 is skipped. A part from 02:30 opens at that instant. A part from 02:15 to 02:45 is
//   left out.
// - When the clocks go back, 02:00 to 03:00 comes twice. A part from 02:15 to 02:45 is open from the first 02:15 to the second 02:45.
// - A part that runs past midnight belongs to the day on which it began, even if the next day is excluded.
// - Without parts, a day is open from its first instant until the first instant of the next day.

import type { DayPart, PublishedTimes } from '../publication/types.ts'
import { weekdayOf } from '../time/calendar.ts'
import { DAY_MS, dayOfDate, MINUTE_MS } from '../time/days.ts'
import { compileRecurrence, type Recurrence } from '../time/recurrence.ts'
import { type Clock, clockOf } from '../time/wall-clock.ts'

/**
 * Compiled times. The changes are computed in batches. A query mostly compares two numbers. `prepare` computes the batches of the
 * next hour ahead. A query for any other instant computes its batch itself: the answer is the same, it only takes longer.
 */
export type OpeningTimes = {
  isOpen(now: number): boolean
  /** The next change after `now`. When there is none in the 400 days from the day of `now` on: the end of these days. */
  sameUntil(now: number): number
  /** Makes the answers for [now, now + PREPARED_MS] ready. Computes at most two batches, each well below a millisecond. */
  prepare(now: number): void
}

/** How far `prepare` looks ahead. Its caller must come back sooner. */
export const PREPARED_MS = 3_600_000

/** All changes from `begins`, the first instant of `day`, until `ends`. */
type Batch = {
  day: number
  begins: number
  ends: number
  /** The first instant of the next day. */
  nextDay: number
  /** Whether the times are open at `begins`. */
  open: boolean
  /** The instants between `begins` and `ends` at which the times open or close, ascending. */
  changes: Float64Array
}

/** A batch ends with the day that brings it to this many changes, or after this many days. */
const BATCH_CHANGES = 64
const BATCH_DAYS = 400
/** A part that began this many days ago can still be open: it runs past midnight, and the clocks can go back. */
const DAYS_BEFORE = 2
const MINUTES_OF_DAY = 1_440

/**
 * @param first the first instant of the window. A recurrence counts from its day.
 * @throws Error on an unknown zone or recurrence, and on a recurrence without `first`.
 */
export function compileOpeningTimes(times: PublishedTimes, first: number | null): OpeningTimes {
  const clock = clockOf(times.zone)
  const intervalsOf = intervalsByDay(times, first, clock)
  const none = { day: 0, begins: 0, ends: 0, nextDay: 0, open: false, changes: new Float64Array() }
  /** `prepare` keeps these two: for the rest of today, and for the beginning of tomorrow. */
  let today: Batch = none
  let tomorrow: Batch = none
  /** The last batch that was not prepared. An explanation of another instant must not displace the prepared ones. */
  let other: Batch = none
  // The last answer. It holds in [from, until), and the next query is mostly in there.
  let from = 0
  let until = 0
  let change = 0
  let open = false

  function moveTo(now: number): void {
    if (from <= now && now < until) return
    const batch = batchFor(now)
    const { begins, ends, nextDay, changes } = batch
    const passed = countPassed(changes, now)
    from = passed === 0 ? begins : changes[passed - 1]!
    change = changes[passed] ?? ends
    // After the last change, the answer is counted from the day of `now`. So it holds for this day only.
    until = passed < changes.length ? change : nextDay
    open = batch.open === (passed % 2 === 0)
  }

  function batchFor(now: number): Batch {
    if (answers(today, now)) return today
    if (answers(tomorrow, now)) return tomorrow
    if (!answers(other, now)) other = compileBatch(clock, intervalsOf, now)
    return other
  }

  return {
    isOpen(now) {
      moveTo(now)
      return open
    },
    sameUntil(now) {
      moveTo(now)
      return change
    },
    prepare(now) {
      const end = now + PREPARED_MS
      if (!answers(today, now) && answers(tomorrow, now)) today = tomorrow
      if (answers(today, now) && answers(today, end)) return
      const day = dayAt(clock, now)
      if (today.day !== day) today = compileBatch(clock, intervalsOf, now)
      if (dayAt(clock, end) !== day && !answers(today, end) && !answers(tomorrow, end)) {
        tomorrow = compileBatch(clock, intervalsOf, end)
      }
    },
  }

  /**
   * Whether a batch has the answers at `now`. After its last change it has them only on its first day. So the answers do not
   * depend on which batches were computed before.
   */
  function answers({ day, begins, ends, changes }: Batch, now: number): boolean {
    if (now < begins || now >= ends) return false
    return now < (changes.at(-1) ?? begins) || day === dayAt(clock, now)
  }
}

/** Calls `each` with the interval [opens, closes) of every part that begins on this day, in the order of opening. */
type IntervalsOf = (day: number, each: (opens: number, closes: number) => void) => void

function intervalsByDay(times: PublishedTimes, first: number | null, clock: Clock): IntervalsOf {
  const { dayParts, excludedDates, recurrence } = times
  const excluded = new Set(excludedDates.map(dayOfDate))
  const named = recurrence === null ? null : recurrenceFrom(recurrence, first, clock)
  const byWeekday = Array.from({ length: 7 }, (_, weekday) => partsOn(dayParts, weekday + 1))
  return (day, each) => {
    const parts = byWeekday[weekdayOf(day)]!
    if ((parts.length === 0 && dayParts.length > 0) || excluded.has(day) || named?.has(day) === false) return
    const begins = clock.firstFrom(day * DAY_MS)
    const ends = clock.firstFrom((day + 1) * DAY_MS)
    if (begins === ends) return
    if (dayParts.length === 0) return each(begins, ends)
    for (const { from, to } of parts) {
      const until = to > from ? to : to + MINUTES_OF_DAY
      each(clock.firstFrom(day * DAY_MS + from * MINUTE_MS), clock.lastBefore(day * DAY_MS + until * MINUTE_MS))
    }
  }
}

function recurrenceFrom(recurrence: string, first: number | null, clock: Clock): Recurrence {
  if (first === null)
    throw new Error(
      'Cannot compile a recurrence: it needs a first day to count from. Expected startsAt, but it is null',
    )
  return compileRecurrence(recurrence, dayAt(clock, first))
}

/** The batch from the day of `now` on. */
function compileBatch(clock: Clock, intervalsOf: IntervalsOf, now: number): Batch {
  const today = dayAt(clock, now)
  const begins = clock.firstFrom(today * DAY_MS)
  const changes: number[] = []
  const add = (opens: number, closes: number) => {
    const last = changes.length - 1
    if (opens >= closes || closes <= begins) return
    if (last >= 0 && opens <= changes[last]!) changes[last] = Math.max(changes[last]!, closes)
    else changes.push(opens, closes)
  }
  let day = today - DAYS_BEFORE
  // Where the clocks go back over midnight, the next day may have begun before `now`. So the batch has at least two days.
  for (; day <= today + 1 || (changes.length < BATCH_CHANGES && day < today + BATCH_DAYS); day += 1)
    intervalsOf(day, add)
  const ends = clock.firstFrom(day * DAY_MS)
  const open = changes.length > 0 && changes[0]! <= begins
  return {
    day: today,
    begins,
    ends,
    nextDay: clock.firstFrom((today + 1) * DAY_MS),
    open,
    changes: Float64Array.from(changes.filter((at) => at > begins && at < ends)),
  }
}

/** How many of the instants are at or before `now`. They are ascending. */
function countPassed(instants: Float64Array, now: number): number {
  let low = 0
  let high = instants.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (instants[middle]! <= now) low = middle + 1
    else high = middle
  }
  return low
}

/** @param weekday 1 (Monday) to 7 (Sunday). */
function partsOn(parts: readonly DayPart[], weekday: number): DayPart[] {
  return parts.filter(({ days }) => days.includes(weekday)).sort((a, b) => a.from - b.from)
}

/** The date that the clock shows at this instant, in days since 1970-01-01. */
export function dayAt(clock: Clock, instant: number): number {
  return Math.floor(clock.wallAt(instant) / DAY_MS)
}
