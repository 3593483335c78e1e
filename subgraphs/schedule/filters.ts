// What the lists of apps, slots and schedules can be narrowed by. GraphQL has checked the types; what is left out or
// null does not narrow, and an empty list of states matches nothing.

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

/** An AppFilter as MongoDB has it. `codes`: only these; undefined: all. */
export function appFilter(given: unknown, codes: readonly string[] | undefined): object {
  const { text } = parseInput(appFilterInput, given ?? {}, 'filter')
  return { ...(codes ? { _id: { $in: codes } } : {}), ...textFilter(text, ['name', '_id']) }
}

/** A SlotFilter as MongoDB has it. */
export function slotFilter(given: unknown): object {
  const { text, archived, pinnedCreative } = parseInput(slotFilterInput, given ?? {}, 'filter')
  const pinned = pinnedCreative ? { pinnedFallback: pinnedCreative } : {}
  return { ...archivedFilter(archivedOr(pinned, archived)), ...textFilter(text, ['name', 'code']), ...pinned }
}

/**
 * A ScheduleFilter as MongoDB has it.
 *
 * @param now milliseconds since the Unix epoch, for the states of windows.
 * @param slotId the id of the slot that is named at this path.
 */
export async function scheduleFilter(
  given: unknown,
  now: number,
  slotId: (name: string, path: string) => Promise<string>,
): Promise<object> {
  const filter = parseInput(scheduleFilterInput, given ?? {}, 'filter')
  const { slot, creative, strategy, pinnedCreative, pinnedStrategy, pinnedSegment, ...others } = filter
  const { deliveryStates, windowStates, period, archived, ...ofHeads } = others
  const pinned = {
    ...(pinnedCreative ? { 'pinned.creatives': pinnedCreative } : {}),
    ...(pinnedStrategy ? { 'pinned.strategy': pinnedStrategy } : {}),
    ...(pinnedSegment ? { 'pinned.segments': pinnedSegment } : {}),
  }
  const parts = [
    headFilter({ ...ofHeads, archived: archivedOr(pinned, archived) }),
    pinned,
    ...(slot ? [{ slot: await slotId(slot, 'filter.slot') }] : []),
    ...(creative ? [{ 'content.creatives.creative': creative }] : []),
    ...(strategy ? [{ 'content.strategy': strategy }] : []),
    ...(deliveryStates ? [{ deliveryState: { $in: deliveryStates } }] : []),
    // MongoDB takes no $or of nothing; nothing is in an empty list.
    ...(windowStates ? [windowStates.length > 0 ? inWindowStates(windowStates, now) : { slot: { $in: [] } }] : []),
    ...(period ? overlapping(period) : []),
  ]
  return { $and: parts }
}

/** What is live stays live when it is archived: who asks for what is pinned and says nothing of that is shown it too. */
function archivedOr(pinned: object, archived: boolean | null): Archived {
  return archived ?? (Object.keys(pinned).length > 0 ? 'BOTH' : null)
}
