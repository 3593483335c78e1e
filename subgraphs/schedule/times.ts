// The times at which a schedule is shown within its window, as operators write them: times of day as `HH:MM`, days by name,
// dates as `YYYY-MM-DD`, and recurrence as an RRULE of RFC 5545, as in `FREQ=WEEKLY;BYDAY=MO,FR`.

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
  // `00:00` and `24:00` both mean the midnight that ends the day: 1440.
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

/** DayPartInputs. The result is what is stored: days as 1 (Monday) to 7, times as minutes of the day. */
export const dayParts = z.array(z.object({ days, from, to })).max(50, 'must hold at most 50')

const date = z.string().refine((date) => dayOfDate(date) !== undefined, 'must be a date as `YYYY-MM-DD`')

/** The result is in ascending order, without repeats. */
export const excludedDates = z
  .array(date)
  .transform((dates) => ascending(dates))
  .pipe(z.array(z.string()).max(366, 'must hold at most 366'))

/** The result is in one normal spelling. `checkRecurrence` checks the days, because they depend on the time zone. */
export const recurrence = optionalText(500).transform((text, context) => {
  if (text === null) return null
  const read = readRule(text)
  if (read.ok) return read.text
  context.addIssue({ code: 'custom', message: read.mistake })
  return z.NEVER
})

/** @throws AlkaidError BAD_USER_INPUT when the recurrence names no day, or fewer days than its COUNT. */
export function checkRecurrence({ recurrence, startsAt, zone }: ScheduleContent): void {
  if (recurrence === null || startsAt === null) return
  const read = readRule(recurrence)
  const mistake = read.ok ? recurrenceMistake(read.rule, dayAt(clockOf(zone), startsAt.getTime())) : read.mistake
  if (mistake) throw badInput('input.content.recurrence', mistake)
}

/** A stored day part as the API shows it. */
export function toDayPart({ days, from, to }: DayPart) {
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
