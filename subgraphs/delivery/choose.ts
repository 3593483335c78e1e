// What `publish` pins of a schedule: the newest approved, not revoked revision of it and of all that this revision uses,
// down to the segments in segments. One error names everything that lacks an approval, or is archived.

import { refuseArchivedAnew, useOf } from '../../common/store/archived.ts'
import type { Head, Revision } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { type Approved, reviews } from '../audit/repository.ts'
import { type CreativeContent, creatives } from '../creative/repository.ts'
import { type Schedule, type Slot, schedules } from '../schedule/repository.ts'
import { type SegmentContent, segments, strategies } from '../strategy/repository.ts'
import { refuseUnapproved, type Wanted, wanted } from './approved.ts'
import { idsOf, type PinnedEntry } from './repository.ts'

export type Choice = {
  entry: PinnedEntry
  /** All that it rests on, each to be guarded. */
  approvals: Approved[]
  /** The ids of what was not pinned of the schedule before, to be guarded against being archived meanwhile. */
  anew: { creatives: string[]; strategies: string[]; segments: string[] }
  /** The contents that are pinned: of the creatives and of the segments by id, and the strategy's constraint. */
  creatives: ReadonlyMap<string, CreativeContent>
  segments: ReadonlyMap<string, SegmentContent>
  constraint: Constraint | null
}

/**
 * INVALID_STATE names everything that is archived and not pinned already, or everything that lacks an approved revision.
 *
 * @param before what is pinned of the schedule now, if it is live or paused.
 */
export async function choosePins(
  tx: Tx,
  { _id: id }: Schedule,
  slot: Slot,
  before: PinnedEntry | null,
): Promise<Choice> {
  const taken: Taken = { wanted: [], approved: new Map() }
  const content = (await take(tx, taken, 'schedule', schedules, [id])).get(id)!
  const booked = content.creatives.map(({ creative }) => creative)
  const shown = await take(tx, taken, 'creative', creatives, booked)
  const audiences = await take(tx, taken, 'strategy', strategies, content.strategy === null ? [] : [content.strategy])
  const constraint = content.strategy === null ? null : (audiences.get(content.strategy)?.constraint ?? null)
  const named = await takeSegments(tx, taken, segmentsIn(constraint))

  const inUse = new Set(before ? [slot._id, ...usedIn(before)] : [])
  const notIn = (ids: Iterable<string>) => [...ids].filter((one) => !inUse.has(one))
  const anew = { creatives: notIn(shown.keys()), strategies: notIn(audiences.keys()), segments: notIn(named.keys()) }
  const uses = [
    useOf('slot', slot),
    ...(await creatives.uses(tx, anew.creatives)),
    ...(await strategies.uses(tx, anew.strategies)),
    ...(await segments.uses(tx, anew.segments)),
  ]
  refuseArchivedAnew(`Cannot publish the schedule ${JSON.stringify(id)}`, uses, inUse)
  refuseUnapproved(taken.wanted, taken.approved)

  const pin = (thing: string): Pin => ({ id: thing, revision: taken.approved.get(thing)!.revision })
  const entry = {
    schedule: pin(id),
    creatives: content.creatives.map(({ creative, weight }) => ({ ...pin(creative), weight })),
    strategy: content.strategy === null ? null : pin(content.strategy),
    segments: [...named.keys()].map(pin),
  }
  return { entry, approvals: [...taken.approved.values()], anew, creatives: shown, segments: named, constraint }
}

function usedIn({ creatives, strategy, segments }: PinnedEntry): string[] {
  return idsOf([...creatives, ...(strategy ? [strategy] : []), ...segments])
}

/** What was looked at so far, in that order, and what is approved of it. */
type Taken = { wanted: Wanted[]; approved: Map<string, Approved> }

type Repository<C> = {
  atPins(tx: Tx, pins: readonly Pin[]): Promise<(Revision<C> | null)[]>
  byIds(tx: Tx, ids: readonly string[]): Promise<(Head<C> | null)[]>
}

/**
 * id -> content at its newest approved revision. Of what has none it is the newest content, for what that uses has to be
 * reviewed as well, and is named along with it.
 */
async function take<C>(
  tx: Tx,
  taken: Taken,
  kind: string,
  repository: Repository<C>,
  ids: readonly string[],
): Promise<Map<string, C>> {
  const contents = new Map<string, C>()
  taken.wanted.push(...ids.map((id) => wanted(kind, id)))
  const approved = await reviews.newestApproved(tx, ids)
  for (const [id, approval] of approved) taken.approved.set(id, approval)
  const revisions = approved.size === 0 ? [] : await repository.atPins(tx, [...approved.values()])
  for (const revision of revisions) if (revision) contents.set(revision.id, revision.content)
  const lacking = ids.filter((id) => !approved.has(id))
  const heads = lacking.length === 0 ? [] : await repository.byIds(tx, lacking)
  for (const head of heads) if (head) contents.set(head._id, head.content)
  return contents
}

/** The segments, those that they name, and so on, each once, level by level: a cycle comes to an end as well. */
async function takeSegments(tx: Tx, taken: Taken, ids: readonly string[]): Promise<Map<string, SegmentContent>> {
  const found = new Map<string, SegmentContent>()
  const seen = new Set<string>()
  for (let level = ids; level.length > 0; ) {
    for (const id of level) seen.add(id)
    const contents = await take(tx, taken, 'segment', segments, level)
    for (const [id, content] of contents) found.set(id, content)
    const named = [...contents.values()].flatMap(({ constraint }) => segmentsIn(constraint))
    level = [...new Set(named)].filter((id) => !seen.has(id))
  }
  return found
}
