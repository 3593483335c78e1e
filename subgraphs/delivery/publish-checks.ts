// What `publish` pins of a schedule, and what it checks before. It pins the newest approved, not revoked revision of the
// schedule, or an earlier one that the caller names, and the newest one of everything that this revision uses: creatives, the strategy, its segments, the segments in those.
// The checks run on these exact revisions, because nobody may have seen them together before.

import { AlkaidError, badInput, invalidState } from '../../common/base/errors.ts'
import { formatMistakes } from '../../common/formats/format.ts'
import { refuseNewUseOfArchived, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { Head, Revision } from '../../common/store/revisioned.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { checkInlined, segmentsIn, walkSegments } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { type Approved, reviews } from '../audit/repository.ts'
import { type CreativeContent, creatives } from '../creative/repository.ts'
import { type Schedule, type Slot, schedules } from '../schedule/repository.ts'
import { type SegmentContent, segments, strategies } from '../strategy/repository.ts'
import { idsOf, type PinnedEntry } from './repository.ts'

export type PinChoice = {
  entry: PinnedEntry
  /** The approvals of everything in the entry. The caller guards them against revocation. */
  approvals: Approved[]
  /** The ids of what the schedule had not pinned before. The caller guards them against being archived. */
  newlyUsed: { creatives: string[]; strategies: string[]; segments: string[] }
  /** The pinned contents by id, and the strategy's constraint. */
  creatives: ReadonlyMap<string, CreativeContent>
  segments: ReadonlyMap<string, SegmentContent>
  constraint: Constraint | null
}

/** Something that an error message names. Example of `label`: `creative "cre_1"`. */
export type Labelled = { id: string; label: string }

/**
 * Chooses the revisions to pin. Throws INVALID_STATE that names everything that is archived and not pinned yet, or
 * everything that has no approved revision.
 *
 * @param pinBefore what is pinned of the schedule now; null unless it is live or paused.
 * @param revision the revision of the schedule to pin; left out: the newest approved one.
 */
export async function choosePins(
  tx: Tx,
  schedule: Schedule,
  slot: Slot,
  pinBefore: PinnedEntry | null,
  revision?: number | null,
): Promise<PinChoice> {
  const { _id: id } = schedule
  const seen: Seen = { things: [], approved: new Map() }
  const named = typeof revision === 'number' ? await approvalAt(tx, schedule, revision) : undefined
  const content = (await readContents(tx, seen, 'schedule', schedules, [id], named)).get(id)!
  const bookedIds = content.creatives.map(({ creative }) => creative)
  const strategyIds = content.strategy === null ? [] : [content.strategy]
  const creativeContents = await readContents(tx, seen, 'creative', creatives, bookedIds)
  const strategyContents = await readContents(tx, seen, 'strategy', strategies, strategyIds)
  const constraint = strategyContents.get(content.strategy ?? '')?.constraint ?? null
  const segmentContents = await walkSegments(
    segmentsIn(constraint),
    (ids) => readContents(tx, seen, 'segment', segments, ids),
    (segment) => segment.constraint,
  )

  const pinnedIds = new Set(pinBefore ? [slot._id, ...idsPinnedBy(pinBefore)] : [])
  const notPinned = (ids: Iterable<string>) => [...ids].filter((one) => !pinnedIds.has(one))
  const newlyUsed = {
    creatives: notPinned(creativeContents.keys()),
    strategies: notPinned(strategyContents.keys()),
    segments: notPinned(segmentContents.keys()),
  }
  const uses = [
    useOf('slot', slot),
    ...(await creatives.uses(tx, newlyUsed.creatives)),
    ...(await strategies.uses(tx, newlyUsed.strategies)),
    ...(await segments.uses(tx, newlyUsed.segments)),
  ]
  refuseNewUseOfArchived(`Cannot publish the schedule ${JSON.stringify(id)}`, uses, pinnedIds)
  checkApprovals(seen.things, seen.approved)

  const pinOf = (thing: string): Pin => ({ id: thing, revision: seen.approved.get(thing)!.revision })
  const entry: PinnedEntry = {
    schedule: pinOf(id),
    creatives: content.creatives.map(({ creative, weight }) => ({ ...pinOf(creative), weight })),
    strategy: content.strategy === null ? null : pinOf(content.strategy),
    segments: [...segmentContents.keys()].map(pinOf),
  }
  return {
    entry,
    approvals: [...seen.approved.values()],
    newlyUsed,
    creatives: creativeContents,
    segments: segmentContents,
    constraint,
  }
}

export function labelled(kind: string, id: string): Labelled {
  return { id, label: `${kind} ${JSON.stringify(id)}` }
}

/** Throws INVALID_STATE that names everything without an approved revision. */
export function checkApprovals(things: readonly Labelled[], approved: ReadonlyMap<string, Approved>): void {
  const lacking = things.filter(({ id }) => !approved.has(id))
  if (lacking.length === 0) return
  const list = lacking.map(({ label }) => `the ${label}`).join(', ')
  throw invalidState(
    `Cannot publish: there is no approved revision of ${list}. Submit it for review first, or use something else`,
    { unapproved: lacking.map(({ id }) => id) },
  )
}

/**
 * Checks that the segments can be inlined into the strategy's constraint. Throws INVALID_STATE when segments name each other,
 * LIMIT_EXCEEDED when the constraint gets too large with its segments in place.
 *
 * @param which names the revisions in the message.
 */
export function checkSegments(
  { entry, constraint, segments }: Pick<PinChoice, 'entry' | 'constraint' | 'segments'>,
  which = 'newest approved',
): void {
  if (!constraint) return
  const checked = checkInlined(constraint, (id) => segments.get(id)?.constraint)
  if (checked.ok) return
  const problem = `At the ${which} revisions the strategy ${JSON.stringify(entry.strategy?.id)} ${checked.message}`
  const remedy = 'Revise the strategy or one of the segments'
  throw new AlkaidError(checked.reason === 'LIMIT' ? 'LIMIT_EXCEEDED' : 'INVALID_STATE', `${problem}. ${remedy}`)
}

/** Throws INVALID_STATE that names each creative that does not fit the format of the slot, and why. */
export function checkFormats(slot: Slot, creatives: ReadonlyMap<string, CreativeContent>): void {
  const misfits = [...creatives].flatMap(([creative, content]) => {
    const mistakes = formatMistakes(slot.format, content)
    return mistakes.length === 0 ? [] : [{ creative, mistakes }]
  })
  if (misfits.length === 0) return
  const list = misfits.map(
    ({ creative, mistakes }) => `the creative ${JSON.stringify(creative)} ${mistakes.join(', ')}`,
  )
  const message = `Approved revisions do not fit the format of the slot ${JSON.stringify(slot.code)}: ${list.join('; ')}`
  throw invalidState(message, { misfits })
}

/** The approval of the revision that the caller names. Throws BAD_USER_INPUT or INVALID_STATE when it cannot be published. */
async function approvalAt(
  tx: Tx,
  { _id: id, revision: newest }: Schedule,
  revision: number,
): Promise<Map<string, Approved>> {
  if (revision > newest) {
    throw badInput('input.revision', `the schedule ${JSON.stringify(id)} has only ${newest} revisions`)
  }
  const approval = await reviews.approvedAt(tx, { id, revision })
  if (approval) return new Map([[id, approval]])
  throw invalidState(
    `Cannot publish: revision ${revision} of the schedule ${JSON.stringify(id)} is not approved, or its approval was revoked. ` +
      'Name one of its `approvedRevisions`',
    { unapproved: [id] },
  )
}

/** Everything that was read so far, in that order, and the approved revisions among it. */
type Seen = { things: Labelled[]; approved: Map<string, Approved> }

type Repository<C> = {
  atPins(tx: Tx, pins: readonly Pin[]): Promise<(Revision<C> | null)[]>
  byIds(tx: Tx, ids: readonly string[]): Promise<(Head<C> | null)[]>
}

/**
 * id -> content at the newest approved revision. A thing without one gets its newest content: what that uses needs a
 * review too, so the error can name it at once.
 *
 * @param named the approvals to use in place of the newest ones.
 */
async function readContents<C>(
  tx: Tx,
  seen: Seen,
  kind: string,
  repository: Repository<C>,
  ids: readonly string[],
  named?: ReadonlyMap<string, Approved>,
): Promise<Map<string, C>> {
  const contents = new Map<string, C>()
  seen.things.push(...ids.map((id) => labelled(kind, id)))
  const approved = named ?? (await reviews.newestApproved(tx, ids))
  for (const [id, approval] of approved) seen.approved.set(id, approval)
  const revisions = approved.size === 0 ? [] : await repository.atPins(tx, [...approved.values()])
  for (const revision of revisions) if (revision) contents.set(revision.id, revision.content)
  const unapproved = ids.filter((id) => !approved.has(id))
  const heads = unapproved.length === 0 ? [] : await repository.byIds(tx, unapproved)
  for (const head of heads) if (head) contents.set(head._id, head.content)
  return contents
}

function idsPinnedBy({ creatives, strategy, segments }: PinnedEntry): string[] {
  return idsOf([...creatives, ...(strategy ? [strategy] : []), ...segments])
}
