// A simple expansion of recurrence rules, as an oracle for engine/time: it looks at every day, and keeps a day that passes each part of
// the rule (RFC 5545, 3.3.10). It shares no code with engine/time. Days come from Temporal, and weeks are counted.

import { Temporal } from 'temporal-polyfill'

type Parts = { [name: string]: string[] | undefined; FREQ: [string] }
type Day = Pick<Temporal.PlainDate, 'year' | 'month' | 'day' | 'daysInMonth' | 'dayOfYear' | 'daysInYear'> & {
  /** Counted from 1970-01-01. */
  at: number
  date: string
  /** 0 (Monday) to 6 (Sunday). */
  weekday: number
}

const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']
const EPOCH = Temporal.PlainDate.from('1970-01-01')

/** The days (`2026-12-24`) of a rule from `first` to `last`. The parser must have accepted the rule. */
export function plainRecurrence(text: string, first: Temporal.PlainDate, last: Temporal.PlainDate): string[] {
  const read = text.split(';').map((part) => part.split('='))
  const parts: Parts = Object.fromEntries(read.map(([name, values]) => [name, values!.split(',')]))
  const begin = dayAt(numberOf(first))
  const end = numberOf(last)
  const until = parts.UNTIL ? numberOf(Temporal.PlainDate.from(parts.UNTIL[0]!)) : Number.POSITIVE_INFINITY
  const found = periodsFrom(parts, begin, end)
    .filter((_, index) => index % Number(parts.INTERVAL?.[0] ?? 1) === 0)
    .map((days) => days.filter((day) => isNamed(parts, begin, day)))
    .flatMap((days) => inPlaces(parts, days))
    .filter(({ at }) => at >= begin.at && at <= until)
  const counted = parts.COUNT ? found.slice(0, Number(parts.COUNT[0])) : found
  return counted.filter(({ at }) => at <= end).map(({ date }) => date)
}

/** The days of whole periods: the period with the first day, the next one, and so on until after `last`. */
function periodsFrom(parts: Parts, first: Day, last: number): Day[][] {
  const nameOf = (day: Day) => {
    if (parts.FREQ[0] === 'DAILY') return day.at
    if (parts.FREQ[0] === 'WEEKLY') return day.at - sinceWeekBegan(parts, day)
    return parts.FREQ[0] === 'MONTHLY' ? day.year * 12 + day.month : day.year
  }
  const days = Array.from({ length: last - first.at + 2 * 366 }, (_, index) => dayAt(first.at - 366 + index))
  const periods = [...Map.groupBy(days, nameOf)]
  return periods.filter(([name]) => name >= nameOf(first) && name <= nameOf(dayAt(last))).map(([, days]) => days)
}

function isNamed(parts: Parts, first: Day, day: Day): boolean {
  const has = (...names: string[]) => names.some((name) => parts[name] !== undefined)
  const holds = (name: string, value: number) => parts[name]!.includes(String(value))
  const isPlace = (name: string, place: number, of: number) => holds(name, place) || holds(name, place - of - 1)

  if (has('BYMONTH') && !holds('BYMONTH', day.month)) return false
  if (has('BYYEARDAY') && !isPlace('BYYEARDAY', day.dayOfYear, day.daysInYear)) return false
  if (has('BYMONTHDAY') && !isPlace('BYMONTHDAY', day.day, day.daysInMonth)) return false
  if (has('BYWEEKNO') && !parts.BYWEEKNO!.some((week) => isInWeek(parts, Number(week), day))) return false
  if (has('BYDAY')) return parts.BYDAY!.some((named) => isWeekday(parts, named, day))
  // The first day decides everything that no part of the rule names.
  if (parts.FREQ[0] === 'WEEKLY' || has('BYWEEKNO')) return day.weekday === first.weekday
  if (parts.FREQ[0] === 'DAILY' || has('BYMONTHDAY', 'BYYEARDAY')) return true
  return day.day === first.day && (parts.FREQ[0] === 'MONTHLY' || has('BYMONTH') || day.month === first.month)
}

/** A weekday with a position, such as 2MO, is counted in its month or in its year. */
function isWeekday(parts: Parts, named: string, day: Day): boolean {
  if (WEEKDAYS[day.weekday] !== named.slice(-2)) return false
  const place = Number(named.slice(0, -2))
  if (place === 0) return true
  const inMonth = parts.FREQ[0] === 'MONTHLY' || parts.BYMONTH !== undefined
  return alike(day, inMonth).at(place > 0 ? place - 1 : place) === day.at
}

const knownAlike = new Map<string, number[]>()

/** All days with the same weekday in its month, or in its year. */
function alike({ at, year, month, weekday }: Day, inMonth: boolean): number[] {
  const name = `${year} ${inMonth ? month : ''} ${weekday}`
  const known = knownAlike.get(name)
  if (known) return known
  const around = Array.from({ length: 2 * 53 + 1 }, (_, index) => dayAt(at + 7 * (index - 53)))
  const all = around.filter((day) => day.year === year && (!inMonth || day.month === month)).map((day) => day.at)
  knownAlike.set(name, all)
  return all
}

function inPlaces(parts: Parts, days: Day[]): Day[] {
  if (!parts.BYSETPOS) return days
  const places = parts.BYSETPOS.map(Number)
  return days.filter((_, at) => places.includes(at + 1) || places.includes(at - days.length))
}

/** Whether the day is in that week of its year. The week can also belong to the year before or after. */
function isInWeek(parts: Parts, week: number, day: Day): boolean {
  return [day.year - 1, day.year, day.year + 1].some((year) => {
    const begin = weeksOf(parts, year).at(week > 0 ? week - 1 : week)
    return begin !== undefined && day.at >= begin && day.at < begin + 7
  })
}

const knownWeeks = new Map<string, number[]>()

/** The first day of each week that has at least four days in the year. */
function weeksOf(parts: Parts, year: number): number[] {
  const name = `${year} ${parts.WKST}`
  const known = knownWeeks.get(name)
  if (known) return known
  const newYear = dayAt(numberOf(Temporal.PlainDate.from({ year, month: 1, day: 1 })))
  const begin = newYear.at - sinceWeekBegan(parts, newYear)
  const weeks = Array.from({ length: 54 }, (_, week) => begin + 7 * week).filter((week) => {
    const days = Array.from({ length: 7 }, (_, index) => dayAt(week + index))
    return days.filter((day) => day.year === year).length >= 4
  })
  knownWeeks.set(name, weeks)
  return weeks
}

function sinceWeekBegan(parts: Parts, { weekday }: Day): number {
  return (weekday - WEEKDAYS.indexOf(parts.WKST?.[0] ?? 'MO') + 7) % 7
}

const numberOf = (date: Temporal.PlainDate) => EPOCH.until(date).days

const knownDays = new Map<number, Day>()

function dayAt(at: number): Day {
  const known = knownDays.get(at)
  if (known) return known
  const date = EPOCH.add({ days: at })
  const { year, month, day, daysInMonth, dayOfYear, daysInYear, dayOfWeek } = date
  const weekday = dayOfWeek - 1
  const found = { at, date: date.toString(), year, month, day, daysInMonth, dayOfYear, daysInYear, weekday }
  knownDays.set(at, found)
  return found
}
