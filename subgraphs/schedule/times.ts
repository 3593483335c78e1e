// When a schedule is open within its window, as operators write it: times of day as `HH:MM`, days by their names, dates as
// `YYYY-MM-DD`, and recurrence as RRULE of RFC 5545.

import { z } from 'zod'
import { badInput } from '../../common/base/errors.ts'
import { optionalText } from '../../common/command/input.ts'
import { dayAt } from '../../engine/decision/opening-times.ts'
import type { DayPart } from '../../engine/publication/types.ts'
import { dayOfDate } from '../../engine/time/days.ts'
import { recurrenceMistake } from '../../engine/time/recurrence.ts'
import { readRule } from '../../engine/time/rrule.ts'
import { clockOf } from '../../engine/time/wall-clock.ts'
import type { ScheduleContent } from './repository.ts'

/** In the order of ISO 8601: MONDAY is 1. */
const DAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const
const MINUTES_OF_DAY = 1_440

const from = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day as `HH:MM`, `00:00` to `23:59`')
  .transform(minutesOf)

const to = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time of day as `HH:MM`, `00:00` to `24:00`')
  // The midnight that ends a day is written in two ways and means one thing.
  .transform((text) => minutesOf(text) || MINUTES_OF_DAY)

const days = z
  .array(z.enum(DAYS))
  .min(1, 'must hold at least 1')
  .transform((names) =>
    ascending(
      names.map((name) => DAYS.indexOf(name) + 1),
      (a, b) => a - b,
    ),
  )

/** DayPartInputs, as they are stored. */
export const dayParts = z.array(z.object({ days, from, to })).max(50, 'must hold at most 50')

const date = z.string().refine((date) => dayOfDate(date) !== undefined, 'must be a date as `YYYY-MM-DD`')

/** Dates, ascending and each once. */
export const excludedDates = z
  .array(date)
  .transform((dates) => ascending(dates))
  .pipe(z.array(z.string()).max(366, 'must hold at most 366'))

/** A recurrence, written in one way. Whether it names a day is for `checkRecurrence` to say: that depends on the zone. */
export const recurrence = optionalText(500).transform((text, context) => {
  if (text === null) return null
  const read = readRule(text)
  if (read.ok) return read.text
  context.addIssue({ code: 'custom', message: read.mistake })
  return z.NEVER
})

/** BAD_USER_INPUT when the recurrence of a content names no day, or too few for its COUNT. */
export function checkRecurrence({ recurrence, startsAt, zone }: ScheduleContent): void {
  if (recurrence === null || startsAt === null) return
  const read = readRule(recurrence)
  const mistake = read.ok ? recurrenceMistake(read.rule, dayAt(clockOf(zone), startsAt.getTime())) : read.mistake
  if (mistake) throw badInput('input.content.recurrence', mistake)
}

/** A day part as it is shown. */
export function shownDayPart({ days, from, to }: DayPart) {
  return { days: days.map((day) => DAYS[day - 1]!), from: timeText(from), to: timeText(to) }
}

function ascending<T>(values: readonly T[], compare?: (a: T, b: T) => number): T[] {
  return [...new Set(values)].sort(compare)
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(':').map(Number)
  return hours! * 60 + minutes!
}

function timeText(minutes: number): string {
  const digits = (value: number) => String(value).padStart(2, '0')
  return `${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`
}
