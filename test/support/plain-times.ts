// Whether an entry is open, the plain way: minute by minute, by what the clock of its zone shows. The day parts' rule is
// that of engine/decision/opening-times.ts, said in minutes: from the first minute of a part that the clock shows until the last.

import { Temporal } from 'temporal-polyfill'
import type { DayPart, PublishedEntry, PublishedTimes } from '../../engine/publication/types.ts'
import { DAY_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { plainRecurrence } from './plain-recurrence.ts'

type Windowed = Pick<PublishedEntry, 'startsAt' | 'endsAt' | 'times'>
type Shown = { date: string; minute: number }

/** For each of the minutes from `begin` on, whether the entry is open as it begins. `begin` and bounds are whole minutes. */
export function plainlyOpen({ startsAt, endsAt, times }: Windowed, begin: number, minutes: number): boolean[] {
  const open = times ? openByTimes(times, startsAt, begin, minutes) : Array.from({ length: minutes }, () => true)
  return open.map((isOpen, minute) => {
    const at = begin + minute * MINUTE_MS
    return isOpen && (startsAt === null || at >= startsAt) && (endsAt === null || at < endsAt)
  })
}

function openByTimes(times: PublishedTimes, startsAt: number | null, begin: number, minutes: number): boolean[] {
  // What began the day before yesterday may still be open, and what the clock shows tomorrow tells where a part ends.
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

/** The dates shown on which parts begin. */
function daysOf(times: PublishedTimes, startsAt: number | null, shown: readonly Shown[]): string[] {
  const dates = [...new Set(shown.map(({ date }) => date))].filter((date) => !times.excludedDates.includes(date))
  if (times.recurrence === null) return dates
  const first = Temporal.PlainDate.from(show(startsAt!, times.zone).date)
  const named = plainRecurrence(times.recurrence, first, Temporal.PlainDate.from(dates.at(-1)!))
  return dates.filter((date) => named.includes(date))
}

/** Where in what is shown the parts of a date lie, each [first, last). */
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

/** What the clock of a zone shows, from Intl alone. */
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
