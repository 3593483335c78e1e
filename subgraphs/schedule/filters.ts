// What the lists of apps, slots and schedules can be narrowed by. GraphQL has checked the types; what is left out or
// null does not narrow, and an empty list of states matches nothing.

import { z } from 'zod'
import { headFilterInput } from '../../common/graphql/revisioned.ts'
import { optional, optionalText, parseInput, period, reference } from '../../common/input.ts'
import { headFilter, textFilter } from '../../common/store/filters.ts'
import type { DeliveryState } from './repository.ts'
import { inWindowStates, overlapping, type WindowState } from './window.ts'

const appFilterInput = z.object({ text: optionalText(200) })
const slotFilterInput = z.object({ text: optionalText(200), archived: optional(z.boolean()) })

const scheduleFilterInput = headFilterInput.extend({
  slot: optional(reference),
  creative: optional(reference),
  strategy: optional(reference),
  deliveryStates: optional(z.array(z.custom<DeliveryState>())),
  windowStates: optional(z.array(z.custom<WindowState>())),
  period: optional(period),
})

/** An AppFilter as MongoDB has it. `codes`: only these; undefined: all. */
export function appFilter(given: unknown, codes: readonly string[] | undefined): object {
  const { text } = parseInput(appFilterInput, given ?? {}, 'filter')
  return { ...(codes ? { _id: { $in: codes } } : {}), ...textFilter(text, ['name', '_id']) }
}

/** A SlotFilter as MongoDB has it. */
export function slotFilter(given: unknown): object {
  const { text, archived } = parseInput(slotFilterInput, given ?? {}, 'filter')
  return { archivedAt: archived ? { $ne: null } : null, ...textFilter(text, ['name', 'code']) }
}

/** A ScheduleFilter as MongoDB has it. `now`: milliseconds since the Unix epoch, for the states of windows. */
export function scheduleFilter(given: unknown, now: number): object {
  const filter = parseInput(scheduleFilterInput, given ?? {}, 'filter')
  const { slot, creative, strategy, deliveryStates, windowStates, period, ...ofHeads } = filter
  const parts = [
    headFilter(ofHeads),
    ...(slot ? [{ slot }] : []),
    ...(creative ? [{ 'content.creatives.creative': creative }] : []),
    ...(strategy ? [{ 'content.strategy': strategy }] : []),
    ...(deliveryStates ? [{ deliveryState: { $in: deliveryStates } }] : []),
    // MongoDB takes no $or of nothing; nothing is in an empty list.
    ...(windowStates ? [windowStates.length > 0 ? inWindowStates(windowStates, now) : { slot: { $in: [] } }] : []),
    ...(period ? overlapping(period) : []),
  ]
  return { $and: parts }
}
