// The calendar of ISO 8601 as arithmetic. A day is the number of days since 1970-01-01: 2026-05-01 is day 20,574.

import { DAY_MS } from './days.ts'

export type CalendarDay = {
  day: number
  year: number
  /** 1 to 12. */
  month: number
  /** Counted from 1, like `yearDay` and the numbers of weeks. */
  monthDay: number
  monthLength: number
  yearDay: number
  yearLength: number
  /** 0 (Monday) to 6 (Sunday). */
  weekday: number
}

export function calendarDay(day: number): CalendarDay {
  const date = new Date(day * DAY_MS)
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth() + 1
  const newYear = dayNumber(year, 1, 1)
  return {
    day,
    year,
    month,
    monthDay: date.getUTCDate(),
    monthLength: dayNumber(year, month + 1, 1) - dayNumber(year, month, 1),
    yearDay: day - newYear + 1,
    yearLength: dayNumber(year + 1, 1, 1) - newYear,
    weekday: weekdayOf(day),
  }
}

/** The day with this date. A month above 12 is in a later year: month 13 of 2026 is January 2027. */
export function dayNumber(year: number, month: number, monthDay: number): number {
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  return new Date(0).setUTCFullYear(year, month - 1, monthDay) / DAY_MS
}

/** 0 (Monday) to 6 (Sunday). 1970-01-01 was a Thursday. */
export function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7
}

/**
 * The week of a day, when weeks begin on the weekday `start`. A week belongs to the year that has at least four of its days. So a day
 * near New Year can be in a week of the year before or after. Example: 2021-01-01 is in week 53 of 2020.
 *
 * @returns its first day, its number, and how many weeks its year has.
 */
export function weekOf(day: number, start: number): { begin: number; number: number; ofYear: number } {
  const begin = day - ((weekdayOf(day) - start + 7) % 7)
  // The year of the fourth day has at least four days of the week.
  const { yearDay, yearLength } = calendarDay(begin + 3)
  const number = Math.ceil(yearDay / 7)
  return { begin, number, ofYear: number + Math.floor((yearLength - yearDay) / 7) }
}
