// The filters of the lists of apps, slots and schedules: from the GraphQL input to a MongoDB filter. GraphQL has checked the
// types. A field that is left out or null filters nothing. An empty list of states matches nothing.

import { z } from 'zod'
import { idOf, optional, optionalText, parseInput, period, reference } from '../../common/command/input.ts'
import { headFilterInput } from '../../common/graphql/revisioned.ts'
import { type Archived, archivedFilter, headFilter, textFilter } from '../../common/store/filters.ts'
import type { DeliveryState } from './repository.ts'
import { inWindowStates, overlapping, type WindowState } from './window.ts'

const appFilterInput = z.object({ text: optionalText(200) })
const slotFilterInput = z.object({
  text: optionalText(200),
  archived: optional(z.boolean()),
  pinnedCreative: optional(idOf('creative')),
})

const scheduleFilterInput = headFilterInput.extend({
  slot: optional(reference),
  creative: optional(idOf('creative')),
  strategy: optional(idOf('strategy')),
  pinnedCreative: optional(idOf('creative')),
  pinnedStrategy: optional(idOf('strategy')),
  pinnedSegment: optional(idOf('segment')),
  deliveryStates: optional(z.array(z.custom<DeliveryState>())),
  windowStates: optional(z.array(z.custom<WindowState>())),
  period: optional(period),
})

/** From an AppFilter to a MongoDB filter. @param codes the apps that may be listed; undefined: all. */
export function appFilter(rawInput: unknown, codes: readonly string[] | undefined): object {
  const { text } = parseInput(appFilterInput, rawInput ?? {}, 'filter')
  return { ...(codes ? { _id: { $in: codes } } : {}), ...textFilter(text, ['name', '_id']) }
}

/** From a SlotFilter to a MongoDB filter. */
export function slotFilter(rawInput: unknown): object {
  const { text, archived, pinnedCreative } = parseInput(slotFilterInput, rawInput ?? {}, 'filter')
  const pinned = pinnedCreative ? { pinnedFallback: pinnedCreative } : {}
  return { ...archivedFilter(archivedOr(pinned, archived)), ...textFilter(text, ['name', 'code']), ...pinned }
}

/**
 * From a ScheduleFilter to a MongoDB filter.
 *
 * @param now milliseconds since the Unix epoch, for the states of windows.
 * @param slotId finds the id of the slot with this name. The path is for its error.
 */
export async function scheduleFilter(
  rawInput: unknown,
  now: number,
  slotId: (name: string, path: string) => Promise<string>,
): Promise<object> {
  const filter = parseInput(scheduleFilterInput, rawInput ?? {}, 'filter')
  const { slot, creative, strategy, pinnedCreative, pinnedStrategy, pinnedSegment, ...rest } = filter
  const { deliveryStates, windowStates, period, archived, ...headFields } = rest
  const pinned = {
    ...(pinnedCreative ? { 'pinned.creatives': pinnedCreative } : {}),
    ...(pinnedStrategy ? { 'pinned.strategy': pinnedStrategy } : {}),
    ...(pinnedSegment ? { 'pinned.segments': pinnedSegment } : {}),
  }
  const parts = [
    headFilter({ ...headFields, archived: archivedOr(pinned, archived) }),
    pinned,
    ...(slot ? [{ slot: await slotId(slot, 'filter.slot') }] : []),
    ...(creative ? [{ 'content.creatives.creative': creative }] : []),
    ...(strategy ? [{ 'content.strategy': strategy }] : []),
    ...(deliveryStates ? [{ deliveryState: { $in: deliveryStates } }] : []),
    // MongoDB refuses an empty $or. An empty $in matches nothing.
    ...(windowStates ? [windowStates.length > 0 ? inWindowStates(windowStates, now) : { slot: { $in: [] } }] : []),
    ...(period ? overlapping(period) : []),
  ]
  return { $and: parts }
}

/** Archived schedules stay live. So a filter by what is pinned lists archived ones too, unless it says otherwise. */
function archivedOr(pinned: object, archived: boolean | null): Archived {
  return archived ?? (Object.keys(pinned).length > 0 ? 'BOTH' : null)
}
