// When times (day parts, excluded dates, a recurrence) are open, as instants, whatever the clocks of the zone do.
//
// The days on which parts begin are those that the recurrence names and that are not excluded; a date that the zone skipped
// is no day. A part has the minutes from `from` until just before `to`, as the clock shows them: it opens when the clock first
// shows a minute of it or a later one, and closes when the clock has shown the last one for the last time. So a part that
// begins or ends in an hour that the clocks skip does so at the instant at which they go forward (and one that lies wholly
// in it is left out), one in an hour that comes twice is open both times, and none is ever in two pieces. What runs past
// midnight belongs to the day on which it began, even into an excluded date. Without parts, a day is open from its first
// instant until the first of the next day.

import type { DayPart, PublishedTimes } from '../publication/types.ts'
import { weekdayOf } from '../time/calendar.ts'
import { DAY_MS, dayOfDate, MINUTE_MS } from '../time/days.ts'
import { compileRecurrence, type Recurrence } from '../time/recurrence.ts'
import { type Clock, clockOf } from '../time/wall-clock.ts'

/**
 * Compiled times. They are worked out ahead a batch at a time, and two batches are kept: to ask for instants that slowly rise
 * is to compare two numbers, and an instant far from the others costs one batch.
 */
export type OpeningTimes = {
  isOpen(now: number): boolean
  /** The next change after `now`; where none is in the 400 days from that of `now` on, the instant at which these end. */
  sameUntil(now: number): number
}

/** What is known of the instants from `begins`, the first of `day`, until `ends`. */
type Batch = {
  day: number
  begins: number
  ends: number
  /** At `begins`. */
  open: boolean
  /** Every instant between the two at which it opens or closes, ascending. */
  changes: Float64Array
}

/** A batch ends with the day on which it has so many changes, or after so many days. */
const BATCH_CHANGES = 64
const BATCH_DAYS = 400
/** A part of so many days ago may still be open: past midnight, and longer where the clocks go back. */
const DAYS_BEFORE = 2
const MINUTES_OF_DAY = 1_440

/**
 * @param first the first instant of the window, in whose day a recurrence begins to count.
 * @throws Error on a zone or recurrence that this version does not know, and on a recurrence without a first instant.
 */
export function compileOpeningTimes(times: PublishedTimes, first: number | null): OpeningTimes {
  const clock = clockOf(times.zone)
  const intervalsOf = intervalsByDay(times, first, clock)
  const none = { day: 0, begins: 0, ends: 0, open: false, changes: new Float64Array() }
  let batch: Batch = none
  let other: Batch = none
  // The last answer: what was asked is mostly what is asked next.
  let from = 0
  let until = 0
  let open = false

  function seek(now: number): void {
    if (from <= now && now < until) return
    if (now < batch.begins || now >= batch.ends) {
      const found = now >= other.begins && now < other.ends ? other : compileBatch(clock, intervalsOf, now)
      other = batch
      batch = found
    }
    find(now)
  }

  /** In the batch that has it. */
  function find(now: number): void {
    const passed = countUntil(batch.changes, now)
    from = passed === 0 ? batch.begins : batch.changes[passed - 1]!
    until = batch.changes[passed] ?? batch.ends
    open = batch.open === (passed % 2 === 0)
  }

  return {
    isOpen(now) {
      seek(now)
      return open
    },
    sameUntil(now) {
      seek(now)
      if (until === batch.ends && batch.day !== dayAt(clock, now)) {
        // Where a batch happens to end says nothing: the answer must not depend on what was asked before.
        batch = compileBatch(clock, intervalsOf, now)
        find(now)
      }
      return until
    },
  }
}

/** Calls back with the intervals [opens, closes) of the parts that begin on a day, those that open first first. */
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
  if (first === null) throw new Error('Cannot compile a recurrence: it has no day to count from')
  return compileRecurrence(recurrence, dayAt(clock, first))
}

/** The batch that begins with the day of `now`. */
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
  // Where clocks go back over midnight, the next day may have begun before `now`: the batch goes beyond it.
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

/** How many of the ascending instants are at or before `now`. */
function countUntil(instants: Float64Array, now: number): number {
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

/** The date that the clock shows, counted in days from 1970-01-01. */
export function dayAt(clock: Clock, instant: number): number {
  return Math.floor(clock.wallAt(instant) / DAY_MS)
}
