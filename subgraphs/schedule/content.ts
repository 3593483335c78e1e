// What the content of a schedule may be. What is left out takes its default, so that every content has the same fields.

import { z } from 'zod'
import type { App } from '../../common/apps/apps.ts'
import { integer, optional, reference, text, withDefault } from '../../common/command/input.ts'
import { eachOnce } from './each-once.ts'
import type { ScheduleContent } from './repository.ts'
import { zone } from './settings.ts'
import { checkRecurrence, dayParts, excludedDates, recurrence } from './times.ts'

export const MAX_NAME = 200
const share = withDefault(integer(1, 1_000_000), 1)

const creatives = z
  .array(z.object({ creative: reference, weight: share }))
  .min(1, 'must hold at least 1')
  .max(50, 'must hold at most 50')
  .superRefine((booked, context) =>
    eachOnce(['creative'])(
      booked.map(({ creative }) => creative),
      context,
    ),
  )

/** A ScheduleContentInput. */
export const contentInput = z
  .object({
    name: text(MAX_NAME),
    creatives,
    strategy: optional(reference),
    startsAt: optional(z.date()),
    endsAt: optional(z.date()),
    priority: withDefault(integer(-1_000, 1_000), 0),
    weight: share,
    zone: optional(zone),
    dayParts: withDefault(dayParts, []),
    excludedDates: withDefault(excludedDates, []),
    recurrence,
    exclusive: withDefault(z.boolean(), false),
  })
  .refine(({ startsAt, endsAt }) => !startsAt || !endsAt || startsAt < endsAt, {
    path: ['endsAt'],
    message: 'must be after startsAt',
  })
  .refine(({ recurrence, startsAt }) => recurrence === null || startsAt !== null, {
    path: ['recurrence'],
    message: 'needs startsAt: its days are counted from that day on',
  })

/**
 * The content as it is stored. The zone is part of it even where it is the app's: what is approved stays what it was.
 * BAD_USER_INPUT on a recurrence that names no day.
 */
export function contentIn(app: App, given: z.output<typeof contentInput>): ScheduleContent {
  const content = { ...given, zone: given.zone ?? app.zone }
  checkRecurrence(content)
  return content
}
