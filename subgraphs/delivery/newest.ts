// What the nodes would get of schedules at their newest revisions and those of all that they use, approved or not: for
// looking at it before it is published. Nothing of it is ever sent.

import { archivedAnew, useOf } from '../../common/store/archived.ts'
import type { Head } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { type Pin, type PublishedEntry, pinText } from '../../engine/publication/types.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { creatives } from '../creative/repository.ts'
import { idsPinned, type Schedule, type ScheduleContent, type Slot } from '../schedule/repository.ts'
import { type SegmentContent, segments, strategies } from '../strategy/repository.ts'
import { buildEntry } from './entries.ts'
import { refuseUninlined } from './fitting.ts'

/** `archived`: the ids of all that is archived of it and not live in it, for which it could not be published. */
export type Newest = { schedule: string; entry: PublishedEntry | undefined; archived: string[] }

/**
 * Of schedules in this slot. One read of each kind, and one of segments for each level of them. INVALID_STATE or
 * LIMIT_EXCEEDED when a strategy and its segments do not go together.
 */
export async function newestEntries(tx: Tx, slot: Slot, heads: readonly Schedule[]): Promise<Newest[]> {
  const contents = heads.map(({ content }) => content)
  const shown = await newestOf(tx, creatives, contents.flatMap(booked))
  const audiences = await newestOf(
    tx,
    strategies,
    contents.flatMap(({ strategy }) => strategy ?? []),
  )
  const named = await segments.reached(tx, [...audiences.values()].flatMap(segmentsOf))
  const servable = {
    schedules: byPin(heads),
    creatives: byPin([...shown.values()]),
    strategies: byPin([...audiences.values()]),
    segments: byPin([...named.values()]),
  }
  const segmentContents = new Map([...named].map(([id, { content }]) => [id, content]))
  return heads.map((head) => {
    const audience = head.content.strategy === null ? null : audiences.get(head.content.strategy)!
    const [own, parts] = [
      booked(head.content).map((id) => shown.get(id)!),
      audience ? reachable(segmentsOf(audience), named) : [],
    ]
    const entry = {
      schedule: pinOf(head),
      creatives: head.content.creatives.map(({ creative, weight }) => ({ ...pinOf(shown.get(creative)!), weight })),
      strategy: audience && pinOf(audience),
      segments: parts.map(pinOf),
    }
    const constraint = audience?.content.constraint ?? null
    refuseUninlined({ entry, constraint, segments: segmentContents }, 'newest')
    const archived = archivedOf(slot, head, [...own, ...(audience ? [audience] : []), ...parts])
    return { schedule: head._id, entry: buildEntry(servable, entry), archived }
  })
}

/** A schedule that is archived is not published at all, not even again. */
function archivedOf(slot: Slot, head: Schedule, used: readonly Head<unknown>[]): string[] {
  const inUse = new Set(head.pinned ? [slot._id, ...idsPinned(head.pinned)] : [])
  const uses = [useOf('schedule', head), useOf('slot', slot), ...used.map((thing) => useOf('thing', thing))]
  return [...new Set(archivedAnew(uses, inUse).map(({ id }) => id))]
}

const booked = ({ creatives }: ScheduleContent) => creatives.map(({ creative }) => creative)
const segmentsOf = ({ content }: { content: { constraint: Constraint | null } }) => segmentsIn(content.constraint)
const pinOf = ({ _id, revision }: Head<unknown>): Pin => ({ id: _id, revision })

function byPin<C>(heads: readonly Head<C>[]): Map<string, C> {
  return new Map(heads.map((head) => [pinText(pinOf(head)), head.content]))
}

/** id -> the thing as it is now. */
async function newestOf<C>(
  tx: Tx,
  repository: { byIds(tx: Tx, ids: readonly string[]): Promise<(Head<C> | null)[]> },
  ids: readonly string[],
): Promise<Map<string, Head<C>>> {
  const found = ids.length === 0 ? [] : await repository.byIds(tx, ids)
  return new Map(found.flatMap((head) => (head ? [[head._id, head]] : [])))
}

/** Those that are named, those that they name, and so on, each once. */
function reachable(ids: readonly string[], all: ReadonlyMap<string, Head<SegmentContent>>): Head<SegmentContent>[] {
  const found = new Set<Head<SegmentContent>>()
  const names = [...ids]
  // What is added while the list is walked is walked too.
  for (const id of names) {
    const segment = all.get(id)
    if (!segment || found.has(segment)) continue
    found.add(segment)
    names.push(...segmentsOf(segment))
  }
  return [...found]
}
