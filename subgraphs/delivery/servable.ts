// The contents of pinned revisions that may be served: approved now, and still what was approved.

import { contentHash } from '../../common/base/content-hash.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import { reviews } from '../audit/repository.ts'
import { type CreativeContent, creatives } from '../creative/repository.ts'
import { type ScheduleContent, schedules } from '../schedule/repository.ts'
import { type SegmentContent, type StrategyContent, segments, strategies } from '../strategy/repository.ts'
import type { Wanted } from './approved.ts'
import type { PinnedEntry } from './repository.ts'

/** `<id>@<revision>` -> content. What may not be served is not there. */
export type Servable = {
  schedules: ReadonlyMap<string, ScheduleContent>
  creatives: ReadonlyMap<string, CreativeContent>
  strategies: ReadonlyMap<string, StrategyContent>
  segments: ReadonlyMap<string, SegmentContent>
}

/** What of an entry may not be served: each of its pins, as people read it. */
export function unservable(servable: Servable, { schedule, creatives, strategy, segments }: PinnedEntry): Wanted[] {
  const lacking = (kind: string, contents: ReadonlyMap<string, unknown>, pins: readonly Pin[]) =>
    pins.filter((pin) => !contents.has(pinText(pin))).map((pin) => pinned(kind, pin))
  return [
    ...lacking('schedule', servable.schedules, [schedule]),
    ...lacking('creative', servable.creatives, creatives),
    ...lacking('strategy', servable.strategies, strategy ? [strategy] : []),
    ...lacking('segment', servable.segments, segments),
  ]
}

function pinned(kind: string, { id, revision }: Pin): Wanted {
  return { id, called: `revision ${revision} of the ${kind} ${JSON.stringify(id)}` }
}

/** One read of the reviews and one of each kind of revision, whatever the number of entries. */
export async function readServable(
  tx: Tx,
  entries: readonly PinnedEntry[],
  fallback: readonly Pin[],
): Promise<Servable> {
  const wanted = {
    schedules: entries.map(({ schedule }) => schedule),
    creatives: distinct([...entries.flatMap(({ creatives }) => creatives), ...fallback]),
    strategies: distinct(entries.flatMap(({ strategy }) => strategy ?? [])),
    segments: distinct(entries.flatMap(({ segments }) => segments)),
  }
  const all = [...wanted.schedules, ...wanted.creatives, ...wanted.strategies, ...wanted.segments]
  const found = all.length === 0 ? [] : await reviews.at(tx, all)
  const approved = new Map<string, string>()
  for (const review of found) {
    if (review?.state === 'APPROVED') {
      approved.set(review.of, review.hash)
    }
  }
  const isApproved = (pin: Pin) => approved.has(pinText(pin))

  async function read<C>(repository: Revisions<C>, pins: readonly Pin[]): Promise<Map<string, C>> {
    const asked = pins.filter(isApproved)
    const contents = new Map<string, C>()
    if (asked.length === 0) return contents
    for (const revision of await repository.atPins(tx, asked)) {
      if (!revision || contentHash(revision.content) !== approved.get(revision._id)) continue
      contents.set(revision._id, revision.content)
    }
    return contents
  }

  return {
    schedules: await read(schedules, wanted.schedules),
    creatives: await read(creatives, wanted.creatives),
    strategies: await read(strategies, wanted.strategies),
    segments: await read(segments, wanted.segments),
  }
}

type Revisions<C> = { atPins(db: Tx, pins: readonly Pin[]): Promise<(Revision<C> | null)[]> }

function distinct(pins: readonly Pin[]): Pin[] {
  return [...new Map(pins.map((pin) => [pinText(pin), pin])).values()]
}
