// Recurrence rules: RRULE of RFC 5545 for whole days. FREQ says how long a period is: a day, week, month or year. In every INTERVAL-th
// period, a rule names the days that pass all of its BY parts. BYSETPOS then keeps only some of them, by their place.
// Example: FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1 names the last working day of each month.
//
// A day is the number of days since 1970-01-01. Days have no zone here.

import { type CalendarDay, calendarDay, dayNumber, weekOf } from './calendar.ts'
import { type ReadRule, readRule, type WeekdayPlace } from './rrule.ts'

export type Recurrence = { has(day: number): boolean }

/** A rule must name a day in this time from its first day on. With COUNT, it must name all of its days in it. */
const HORIZON_DAYS = 3_660

const SELDOM =
  'must name as many days as COUNT says in the ten years from the day of startsAt on. Use UNTIL instead of COUNT to set its last day'

/**
 * @param first the day from which the rule counts. It is one of the days only if the rule names it.
 * @throws Error on a rule that this version does not know. A guess could show content on the wrong days.
 */
export function compileRecurrence(text: string, first: number): Recurrence {
  const read = readRule(text)
  if (!read.ok) throw new Error(`Cannot compile a recurrence: ${read.mistake}`)
  const { rule } = read
  const last = rule.count === null ? (rule.until ?? Number.POSITIVE_INFINITY) : lastCounted(rule, rule.count, first)
  if (last === undefined) throw new Error(`Cannot compile a recurrence: it ${SELDOM}`)
  const { periods, daysOf } = expansion(rule, first)
  // Days are mostly queried in order. So the days of one period, [begin, end), are computed at once.
  let begin = 0
  let end = 0
  let days: ReadonlySet<number> = new Set()
  return {
    has(day) {
      if (day < first || day > last) return false
      if (day < begin || day >= end) {
        const index = periods.indexOf(day)
        begin = periods.begin(index)
        end = periods.begin(index + 1)
        days = new Set(index % rule.interval === 0 ? daysOf(index) : [])
      }
      return days.has(day)
    },
  }
}

/** The mistake in the days that a rule names from `first` on; undefined: none. */
export function recurrenceMistake(rule: ReadRule, first: number): string | undefined {
  if (namedDays(rule, first).next().done) return 'must name a day in the ten years from the day of startsAt on'
  return rule.count !== null && lastCounted(rule, rule.count, first) === undefined ? SELDOM : undefined
}

/** The `count`-th day that the rule names; undefined: it is beyond the horizon. */
function lastCounted(rule: ReadRule, count: number, first: number): number | undefined {
  let left = count
  for (const day of namedDays(rule, first)) {
    left -= 1
    if (left === 0) return day
  }
  return undefined
}

/** The days that a rule names within the horizon, ascending. Ignores COUNT. */
function* namedDays(rule: ReadRule, first: number): Generator<number, undefined> {
  const { periods, daysOf } = expansion(rule, first)
  const last = Math.min(first + HORIZON_DAYS, rule.until ?? Number.POSITIVE_INFINITY)
  for (let index = 0; periods.begin(index) <= last; index += rule.interval) {
    for (const day of daysOf(index)) if (day >= first && day <= last) yield day
  }
}

/** Period 0 contains the first day. `begin` is the first day of a period. */
type Periods = { indexOf(day: number): number; begin(index: number): number }

function expansion(rule: ReadRule, first: number): { periods: Periods; daysOf(index: number): number[] } {
  const periods = periodsOf(rule, first)
  const tests = testsOf(rule, calendarDay(first))
  function daysOf(index: number): number[] {
    const days: number[] = []
    for (let day = periods.begin(index); day < periods.begin(index + 1); day += 1) {
      const date = calendarDay(day)
      if (tests.every((test) => test(date))) days.push(day)
    }
    const places = rule.bySetPos
    return places ? days.filter((_, at) => isAmong(places, at + 1, days.length)) : days
  }
  return { periods, daysOf }
}

function periodsOf({ frequency, wkst }: ReadRule, first: number): Periods {
  const { year, month } = calendarDay(first)
  switch (frequency) {
    case 'DAILY':
      return { indexOf: (day) => day - first, begin: (index) => first + index }
    case 'WEEKLY': {
      const { begin } = weekOf(first, wkst)
      return { indexOf: (day) => Math.floor((day - begin) / 7), begin: (index) => begin + 7 * index }
    }
    case 'MONTHLY':
      return {
        indexOf(day) {
          const date = calendarDay(day)
          return 12 * (date.year - year) + date.month - month
        },
        begin: (index) => dayNumber(year, month + index, 1),
      }
    case 'YEARLY':
      return { indexOf: (day) => calendarDay(day).year - year, begin: (index) => dayNumber(year + index, 1, 1) }
  }
}

type Test = (date: CalendarDay) => boolean

/** One test per part of the rule. Where no part decides, the first day does: FREQ=WEEKLY names the weekday of the first day. */
function testsOf(rule: ReadRule, first: CalendarDay): Test[] {
  const { frequency, wkst, byMonth, byWeekNo, byYearDay, byMonthDay, byDay } = rule
  const tests: Test[] = []
  if (byMonth) tests.push(({ month }) => byMonth.includes(month))
  if (byYearDay) tests.push(({ yearDay, yearLength }) => isAmong(byYearDay, yearDay, yearLength))
  if (byMonthDay) tests.push(({ monthDay, monthLength }) => isAmong(byMonthDay, monthDay, monthLength))
  if (byWeekNo) {
    tests.push(({ day }) => {
      const { number, ofYear } = weekOf(day, wkst)
      return isAmong(byWeekNo, number, ofYear)
    })
  }
  if (byDay) {
    const inMonth = frequency === 'MONTHLY' || byMonth !== undefined
    tests.push((date) => byDay.some((named) => isWeekday(named, date, inMonth)))
  } else if (frequency === 'WEEKLY' || byWeekNo) {
    tests.push(({ weekday }) => weekday === first.weekday)
  } else if (frequency !== 'DAILY' && !byMonthDay && !byYearDay) {
    tests.push(({ monthDay }) => monthDay === first.monthDay)
    if (frequency === 'YEARLY' && !byMonth) tests.push(({ month }) => month === first.month)
  }
  return tests
}

/** Example: 2MO is the second Monday of the month or year, -1MO the last one, and MO each one. */
function isWeekday({ place, weekday }: WeekdayPlace, date: CalendarDay, inMonth: boolean): boolean {
  if (date.weekday !== weekday) return false
  if (place === 0) return true
  const [at, length] = inMonth ? [date.monthDay, date.monthLength] : [date.yearDay, date.yearLength]
  return place > 0 ? Math.ceil(at / 7) === place : Math.ceil((length - at + 1) / 7) === -place
}

/** Whether `places` contains place `at` of `length`. Places count from 1. Negative ones count from the end: -1 is the last. */
function isAmong(places: readonly number[], at: number, length: number): boolean {
  return places.includes(at) || places.includes(at - length - 1)
}
