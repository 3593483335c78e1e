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
 * Compiled times. The changes are computed ahead in batches, and the last two batches are kept. A query mostly compares two
 * numbers. An instant outside both batches costs a new batch.
 */
export type OpeningTimes = {
  isOpen(now: number): boolean
  /** The next change after `now`. When there is none in the 400 days from the day of `now` on: the end of these days. */
  sameUntil(now: number): number
}

/** All changes from `begins`, the first instant of `day`, until `ends`. */
type Batch = {
  day: number
  begins: number
  ends: number
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
  const none = { day: 0, begins: 0, ends: 0, open: false, changes: new Float64Array() }
  let batch: Batch = none
  let previous: Batch = none
  // The last answer. It holds in [from, until), and the next query is mostly in there.
  let from = 0
  let until = 0
  let open = false

  function moveTo(now: number): void {
    if (from <= now && now < until) return
    if (now < batch.begins || now >= batch.ends) {
      const found = now >= previous.begins && now < previous.ends ? previous : compileBatch(clock, intervalsOf, now)
      previous = batch
      batch = found
    }
    findInBatch(now)
  }

  /** @param now an instant in `batch`. */
  function findInBatch(now: number): void {
    const passed = countPassed(batch.changes, now)
    from = passed === 0 ? batch.begins : batch.changes[passed - 1]!
    until = batch.changes[passed] ?? batch.ends
    open = batch.open === (passed % 2 === 0)
  }

  return {
    isOpen(now) {
      moveTo(now)
      return open
    },
    sameUntil(now) {
      moveTo(now)
      if (until === batch.ends && batch.day !== dayAt(clock, now)) {
        // The end of a batch is no change. A batch from the day of `now` on makes the answer independent of earlier queries.
        batch = compileBatch(clock, intervalsOf, now)
        findInBatch(now)
      }
      return until
    },
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
