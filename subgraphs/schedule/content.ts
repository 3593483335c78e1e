// What the content of a schedule may be. A field that is left out takes its default, so that every content has all fields.

import { z } from 'zod'
import type { App } from '../../common/apps/apps.ts'
import { integer, optional, reference, text, withDefault } from '../../common/command/input.ts'
import { refuseRepeats, zone } from './inputs.ts'
import type { ScheduleContent } from './repository.ts'
import { checkRecurrence, dayParts, excludedDates, recurrence } from './times.ts'

export const MAX_NAME = 200
const share = withDefault(integer(1, 1_000_000), 1)

const creatives = z
  .array(z.object({ creative: reference, weight: share }))
  .min(1, 'must hold at least 1')
  .max(50, 'must hold at most 50')
  .superRefine((booked, context) =>
    refuseRepeats(['creative'])(
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
    message: 'needs startsAt: the days of the recurrence are counted from that day',
  })

/**
 * Returns the content as it is stored. It always has a time zone, the app's when the input names none. So approved content stays
 * the same when the app changes its zone.
 *
 * @throws AlkaidError BAD_USER_INPUT when the recurrence names no day.
 */
export function completeContent(app: App, input: z.output<typeof contentInput>): ScheduleContent {
  const content = { ...input, zone: input.zone ?? app.zone }
  checkRecurrence(content)
  return content
}
