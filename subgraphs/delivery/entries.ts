// What the nodes get of pinned content.

import type { Pin, PublishedCreative, PublishedEntry } from '../../common/publication/types.ts'
import type { PinnedEntry } from './repository.ts'
import { pinText, type Servable } from './servable.ts'

/** Undefined when the schedule, its strategy or all of its creatives may not be served. */
export function buildEntry(
  servable: Servable,
  { schedule, strategy, creatives }: PinnedEntry,
): PublishedEntry | undefined {
  const content = servable.schedules.get(pinText(schedule))
  const audience = strategy && servable.strategies.get(pinText(strategy))
  if (!content || audience === undefined) return undefined
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
    constraint: audience?.constraint ?? null,
    creatives: shown,
  }
}

/** Undefined when it may not be served. */
export function publishedCreative(servable: Servable, { id, revision }: Pin): PublishedCreative | undefined {
  const content = servable.creatives.get(pinText({ id, revision }))
  if (!content) return undefined
  const { title, text, image, link, data } = content
  return { id, revision, title, text, image, link, data }
}
