// What the nodes would get of schedules at their newest revisions and those of all that they use, approved or not: for
// looking at it before it is published. Nothing of it is ever sent.

import { type Pin, type PublishedEntry, pinText } from '../../common/publication/types.ts'
import type { Head } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { segmentsIn } from '../../common/targeting/segments.ts'
import type { Constraint } from '../../common/targeting/types.ts'
import { creatives } from '../creative/repository.ts'
import type { Schedule, ScheduleContent } from '../schedule/repository.ts'
import { type SegmentContent, segments, strategies } from '../strategy/repository.ts'
import { buildEntry } from './entries.ts'
import { refuseUninlined } from './fitting.ts'

/**
 * One read of each kind, and one of segments for each level of them. INVALID_STATE or LIMIT_EXCEEDED when a strategy and its
 * segments do not go together.
 */
export async function newestEntries(tx: Tx, heads: readonly Schedule[]): Promise<PublishedEntry[]> {
  const contents = heads.map(({ content }) => content)
  const shown = await newestOf(tx, creatives, contents.flatMap(booked))
  const audiences = await newestOf(
    tx,
    strategies,
    contents.flatMap(({ strategy }) => strategy ?? []),
  )
  const named = await newestSegments(tx, [...audiences.values()].flatMap(segmentsOf))
  const servable = {
    schedules: byPin(heads),
    creatives: byPin([...shown.values()]),
    strategies: byPin([...audiences.values()]),
    segments: byPin([...named.values()]),
  }
  const segmentContents = new Map([...named].map(([id, { content }]) => [id, content]))
  return heads.flatMap((head) => {
    const audience = head.content.strategy === null ? null : audiences.get(head.content.strategy)!
    const entry = {
      schedule: pinOf(head),
      creatives: head.content.creatives.map(({ creative, weight }) => ({ ...pinOf(shown.get(creative)!), weight })),
      strategy: audience && pinOf(audience),
      segments: audience ? reachable(segmentsOf(audience), named).map(pinOf) : [],
    }
    const constraint = audience?.content.constraint ?? null
    refuseUninlined({ entry, constraint, segments: segmentContents }, 'newest')
    return buildEntry(servable, entry) ?? []
  })
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

/** The segments, those that they name, and so on: a cycle comes to an end as well. */
async function newestSegments(tx: Tx, ids: readonly string[]): Promise<Map<string, Head<SegmentContent>>> {
  const found = new Map<string, Head<SegmentContent>>()
  for (let level = ids; level.length > 0; ) {
    const heads = await newestOf(tx, segments, level)
    for (const [id, head] of heads) found.set(id, head)
    level = [...heads.values()].flatMap(segmentsOf).filter((id) => !found.has(id))
  }
  return found
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
