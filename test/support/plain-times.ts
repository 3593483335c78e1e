// A simple test of whether an entry is open, as an oracle for engine/decision/opening-times.ts: minute by minute, by what the clock of its
// zone shows. A day part lasts from the first of its minutes that the clock shows to the last.

import { Temporal } from 'temporal-polyfill'
import type { DayPart, PublishedEntry, PublishedTimes } from '../../engine/publication/types.ts'
import { DAY_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { plainRecurrence } from './plain-recurrence.ts'

type Windowed = Pick<PublishedEntry, 'startsAt' | 'endsAt' | 'times'>
type Shown = { date: string; minute: number }

/** For each minute from `begin` on: whether the entry is open when the minute begins. `begin` and all bounds are whole minutes. */
export function plainlyOpen({ startsAt, endsAt, times }: Windowed, begin: number, minutes: number): boolean[] {
  const open = times ? openByTimes(times, startsAt, begin, minutes) : Array.from({ length: minutes }, () => true)
  return open.map((isOpen, minute) => {
    const at = begin + minute * MINUTE_MS
    return isOpen && (startsAt === null || at >= startsAt) && (endsAt === null || at < endsAt)
  })
}

function openByTimes(times: PublishedTimes, startsAt: number | null, begin: number, minutes: number): boolean[] {
  // A part that began the day before yesterday may still be open. The clock of tomorrow shows where a part ends.
  const before = (2 * DAY_MS) / MINUTE_MS
  const shown = Array.from({ length: before + minutes + before }, (_, minute) =>
    show(begin + (minute - before) * MINUTE_MS, times.zone),
  )
  const open = shown.map(() => false)
  for (const date of daysOf(times, startsAt, shown)) {
    for (const [first, last] of stretchesOf(times.dayParts, date, shown)) open.fill(true, first, last)
  }
  return open.slice(before, before + minutes)
}

/** The dates on the clock on which parts begin. */
function daysOf(times: PublishedTimes, startsAt: number | null, shown: readonly Shown[]): string[] {
  const dates = [...new Set(shown.map(({ date }) => date))].filter((date) => !times.excludedDates.includes(date))
  if (times.recurrence === null) return dates
  const first = Temporal.PlainDate.from(show(startsAt!, times.zone).date)
  const named = plainRecurrence(times.recurrence, first, Temporal.PlainDate.from(dates.at(-1)!))
  return dates.filter((date) => named.includes(date))
}

/** The positions of the parts of a date among the minutes that the clock shows, each [first, last). */
function stretchesOf(parts: readonly DayPart[], date: string, shown: readonly Shown[]): [number, number][] {
  const day = Temporal.PlainDate.from(date)
  const nextDate = day.add({ days: 1 }).toString()
  if (parts.length === 0) {
    const next = shown.findIndex((minute) => minute.date > date)
    return [[shown.findIndex((minute) => minute.date === date), next === -1 ? shown.length : next]]
  }
  return parts.flatMap(({ days, from, to }): [number, number][] => {
    if (!days.includes(day.dayOfWeek)) return []
    const isInPart = ({ date: at, minute }: Shown) =>
      to > from
        ? at === date && from <= minute && minute < to
        : (at === date && from <= minute) || (at === nextDate && minute < to)
    const first = shown.findIndex(isInPart)
    return first === -1 ? [] : [[first, shown.findLastIndex(isInPart) + 1]]
  })
}

const knownClocks = new Map<string, Intl.DateTimeFormat>()

/** What the clock of a zone shows, by Intl only. */
function show(at: number, zone: string): Shown {
  const format =
    knownClocks.get(zone) ??
    new Intl.DateTimeFormat('sv-SE', {
      timeZone: zone,
      ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    })
  knownClocks.set(zone, format)
  const [date, time] = format.format(at).split(' ') as [string, string]
  const [hours, minutes] = time.split(':').map(Number)
  return { date, minute: hours! * 60 + minutes! }
}
