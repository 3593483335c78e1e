// The days of a recurrence rule the plain way: every day of every period is looked at, and kept when each part of the rule
// (RFC 5545, 3.3.10) says so. Of rules that the parser takes; weeks of the year only where they lie within it.

import { Temporal } from 'temporal-polyfill'

type PlainDate = Temporal.PlainDate
type Parts = Record<string, string | undefined>

const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']

/** The days that a rule names when it counts from `first`, up to `last`. */
export function plainRecurrence(text: string, first: PlainDate, last: PlainDate): PlainDate[] {
  const parts: Parts = Object.fromEntries(text.split(';').map((part) => part.split('=')))
  const until = parts.UNTIL ? Temporal.PlainDate.from(parts.UNTIL) : last
  const found: PlainDate[] = []
  for (let period = 0; ; period += Number(parts.INTERVAL ?? 1)) {
    const days = daysOfPeriod(parts, first, period)
    if (compare(days[0]!, last) > 0) break
    const named = inPlaces(
      parts,
      days.filter((day) => isNamed(parts, first, day)),
    )
    found.push(...named.filter((day) => compare(day, first) >= 0 && compare(day, until) <= 0))
  }
  return found.slice(0, Number(parts.COUNT ?? found.length)).filter((day) => compare(day, last) <= 0)
}

function daysOfPeriod(parts: Parts, first: PlainDate, period: number): PlainDate[] {
  if (parts.FREQ === 'DAILY') return [first.add({ days: period })]
  if (parts.FREQ === 'WEEKLY') {
    const begin = first.subtract({ days: sinceWeekBegan(parts, first) }).add({ weeks: period })
    return range(begin, 7)
  }
  if (parts.FREQ === 'MONTHLY') {
    const begin = first.with({ day: 1 }).add({ months: period })
    return range(begin, begin.daysInMonth)
  }
  const begin = first.with({ month: 1, day: 1 }).add({ years: period })
  return range(begin, begin.daysInYear)
}

function isNamed(parts: Parts, first: PlainDate, day: PlainDate): boolean {
  const has = (...names: string[]) => names.some((name) => name in parts)
  const numbers = (name: string) => parts[name]!.split(',').map(Number)
  const isPlace = (name: string, place: number, of: number) =>
    numbers(name).some((n) => n === place || n === place - of - 1)
  const ofYear = parts.FREQ === 'YEARLY'

  if (has('BYMONTH') && !numbers('BYMONTH').includes(day.month)) return false
  if (has('BYYEARDAY') && !isPlace('BYYEARDAY', day.dayOfYear, day.daysInYear)) return false
  if (has('BYMONTHDAY') && !isPlace('BYMONTHDAY', day.day, day.daysInMonth)) return false
  if (has('BYWEEKNO') && !numbers('BYWEEKNO').includes(weekOfYear(parts, day))) return false
  if (has('BYDAY')) return parts.BYDAY!.split(',').some((named) => isWeekday(parts, named, day))
  // What no part says is as on the first day.
  if (parts.FREQ === 'WEEKLY' || has('BYWEEKNO')) return day.dayOfWeek === first.dayOfWeek
  if (parts.FREQ === 'DAILY' || has('BYMONTHDAY', 'BYYEARDAY')) return true
  return day.day === first.day && (!ofYear || has('BYMONTH') || day.month === first.month)
}

function isWeekday(parts: Parts, named: string, day: PlainDate): boolean {
  if (WEEKDAYS[day.dayOfWeek - 1] !== named.slice(-2)) return false
  const place = Number(named.slice(0, -2) || 0)
  if (place === 0) return true
  const inMonth = parts.FREQ === 'MONTHLY' || 'BYMONTH' in parts
  const [at, length] = inMonth ? [day.day, day.daysInMonth] : [day.dayOfYear, day.daysInYear]
  return place > 0 ? Math.ceil(at / 7) === place : Math.ceil((length - at + 1) / 7) === -place
}

function inPlaces(parts: Parts, days: PlainDate[]): PlainDate[] {
  if (!parts.BYSETPOS) return days
  const places = parts.BYSETPOS.split(',').map(Number)
  return days.filter((_, at) => places.includes(at + 1) || places.includes(at - days.length))
}

/** Week 1 is the first with at least four days in the year. */
function weekOfYear(parts: Parts, day: PlainDate): number {
  const newYear = day.with({ month: 1, day: 1 })
  const before = sinceWeekBegan(parts, newYear)
  const week = Math.floor((day.dayOfYear - 1 + before) / 7)
  return before <= 3 ? week + 1 : week
}

function sinceWeekBegan(parts: Parts, day: PlainDate): number {
  return (day.dayOfWeek - 1 - WEEKDAYS.indexOf(parts.WKST ?? 'MO') + 7) % 7
}

const range = (begin: PlainDate, length: number) => Array.from({ length }, (_, days) => begin.add({ days }))
const compare = Temporal.PlainDate.compare
