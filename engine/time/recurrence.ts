// Recurrence rules: RRULE of RFC 5545 for whole days. A rule looks at one period after the other (a day, week, month or
// year, as FREQ says). In every INTERVAL-th of them it names the days that pass all of its BY parts, or those of them that
// BYSETPOS takes. For example, FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1 names the last working day of each month.
//
// Days are numbers, counted from 1970-01-01 in the calendar of ISO 8601; they have no zone here.

import { type CalendarDay, calendarDay, dayNumber, weekOf } from './calendar.ts'
import { type ReadRule, readRule, type WeekdayPlace } from './rrule.ts'

export type Recurrence = { has(day: number): boolean }

/** So far from its first day on a rule must have named a day, and all of them where it has a COUNT. */
const HORIZON_DAYS = 3_660

const SELDOM =
  'must have named as many days as COUNT says in the ten years from the day of startsAt on: say its last day by UNTIL'

/**
 * @param first the day from which the rule counts; it is one of its days only if the rule names it.
 * @throws Error on a rule that this version does not know: no guess is safe.
 */
export function compileRecurrence(text: string, first: number): Recurrence {
  const read = readRule(text)
  if (!read.ok) throw new Error(`Cannot compile a recurrence: ${read.mistake}`)
  const { rule } = read
  const last = rule.count === null ? (rule.until ?? Number.POSITIVE_INFINITY) : lastCounted(rule, rule.count, first)
  if (last === undefined) throw new Error(`Cannot compile a recurrence: it ${SELDOM}`)
  const { periods, daysOf } = expansion(rule, first)
  // Days are mostly asked for one after the other: those of one period, [begin, end), are found at once.
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

/** What is wrong with the days that a rule names when it counts from `first`; undefined when nothing is. */
export function recurrenceMistake(rule: ReadRule, first: number): string | undefined {
  if (namedDays(rule, first).next().done) return 'must name a day in the ten years from the day of startsAt on'
  return rule.count !== null && lastCounted(rule, rule.count, first) === undefined ? SELDOM : undefined
}

/** The day on which the rule has named `count` days; undefined when that takes longer than the horizon. */
function lastCounted(rule: ReadRule, count: number, first: number): number | undefined {
  let left = count
  for (const day of namedDays(rule, first)) {
    left -= 1
    if (left === 0) return day
  }
  return undefined
}

/** The days that a rule names within the horizon, ascending; its COUNT is left aside. */
function* namedDays(rule: ReadRule, first: number): Generator<number, undefined> {
  const { periods, daysOf } = expansion(rule, first)
  const last = Math.min(first + HORIZON_DAYS, rule.until ?? Number.POSITIVE_INFINITY)
  for (let index = 0; periods.begin(index) <= last; index += rule.interval) {
    for (const day of daysOf(index)) if (day >= first && day <= last) yield day
  }
}

/** Period 0 is the one with the first day. `begin` is the first day of a period. */
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

/** One for each part of the rule. What no part says is as on the first day. */
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

/** For example 2MO: the second Monday of the month or year; -1MO: its last one; without a place: each of them. */
function isWeekday({ place, weekday }: WeekdayPlace, date: CalendarDay, inMonth: boolean): boolean {
  if (date.weekday !== weekday) return false
  if (place === 0) return true
  const [at, length] = inMonth ? [date.monthDay, date.monthLength] : [date.yearDay, date.yearLength]
  return place > 0 ? Math.ceil(at / 7) === place : Math.ceil((length - at + 1) / 7) === -place
}

/** Whether the places, of which negative ones count from the end, hold place `at` (from 1 on) of `length`. */
function isAmong(places: readonly number[], at: number, length: number): boolean {
  return places.includes(at) || places.includes(at - length - 1)
}
