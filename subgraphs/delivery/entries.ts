// What the nodes get of pinned content.

import {
  type Pin,
  type PublishedCreative,
  type PublishedEntry,
  type PublishedRollout,
  type PublishedTimes,
  pinText,
} from '../../engine/publication/types.ts'
import { checkInlined } from '../../engine/targeting/segments.ts'
import type { Constraint, InlinedConstraint, Rollout } from '../../engine/targeting/types.ts'
import type { ScheduleContent } from '../schedule/repository.ts'
import type { PinnedEntry } from './repository.ts'
import type { Servable } from './servable.ts'

/** Undefined when the schedule, its strategy or all of its creatives may not be served. */
export function buildEntry(
  servable: Servable,
  { schedule, strategy, segments, creatives }: PinnedEntry,
): PublishedEntry | undefined {
  const content = servable.schedules.get(pinText(schedule))
  const audience = strategy && servable.strategies.get(pinText(strategy))
  if (!content || audience === undefined) return undefined
  const constraint = audience?.constraint ? inlined(servable, audience.constraint, segments) : null
  if (constraint === undefined) return undefined
  const shown = creatives.flatMap((pin) => {
    const creative = publishedCreative(servable, pin)
    return creative ? [{ ...creative, weight: pin.weight }] : []
  })
  if (shown.length === 0) return undefined
  return {
    schedule,
    strategy,
    startsAt: content.startsAt?.getTime() ?? null,
    endsAt: content.endsAt?.getTime() ?? null,
    priority: content.priority,
    weight: content.weight,
    segments,
    constraint,
    times: timesOf(content),
    exclusive: content.exclusive,
    caps: audience?.caps ?? [],
    rollout: audience?.rollout ? publishedRollout(audience.rollout, strategy!.id) : null,
    creatives: shown,
  }
}

/**
 * Undefined when it cannot be, as when one of the segments may not be served. No reason may fail the whole slot: a
 * revocation has to get through.
 */
function inlined(servable: Servable, constraint: Constraint, pins: readonly Pin[]): InlinedConstraint | undefined {
  const byId = new Map(pins.map((pin) => [pin.id, servable.segments.get(pinText(pin))?.constraint]))
  const checked = checkInlined(constraint, (id) => byId.get(id))
  return checked.ok ? checked.constraint : undefined
}

/** Null where nothing narrows the window. */
function timesOf({ zone, dayParts, excludedDates, recurrence }: ScheduleContent): PublishedTimes | null {
  if (dayParts.length === 0 && excludedDates.length === 0 && recurrence === null) return null
  return { zone, dayParts, excludedDates, recurrence }
}

/** Without a group of its own, a strategy chooses its users for itself. */
function publishedRollout({ percentage, stickiness, group }: Rollout, strategy: string): PublishedRollout {
  return { buckets: Math.round(percentage * 100), stickiness, group: group ?? strategy }
}

/** Undefined when it may not be served. */
export function publishedCreative(servable: Servable, { id, revision }: Pin): PublishedCreative | undefined {
  const content = servable.creatives.get(pinText({ id, revision }))
  if (!content) return undefined
  const { title, text, image, link, data } = content
  return { id, revision, title, text, image, link, data }
}
