// What goes along with a submission: all that the subject uses, and what that uses in turn, where it is not approved.
// A schedule uses creatives and a strategy; a strategy uses segments, and so does a segment.

import { invalidState } from '../../common/base/errors.ts'
import { refuseArchivedAnew, useOf } from '../../common/store/archived.ts'
import type { ReviewState } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import { idsPinned, type ScheduleContent, type ScheduleMore, slots } from '../schedule/repository.ts'
import type { SegmentContent, StrategyContent } from '../strategy/repository.ts'
import { type Review, reviews, type SubjectKind } from './repository.ts'
import { nameOf, readThings, type SubjectContent, subjectsOf, type Thing } from './subjects.ts'

/** Things that need a review, and reviews that are open already. */
export type Along = { drafts: Thing[]; open: Review[] }

type Uses = (content: SubjectContent) => { type: SubjectKind; id: string }[]

const constrained: Uses = (content) =>
  segmentsIn((content as StrategyContent | SegmentContent).constraint).map((id) => ({ type: 'SEGMENT', id }))

const usesOf: Record<SubjectKind, Uses> = {
  SCHEDULE(content) {
    const { creatives, strategy } = content as ScheduleContent
    const booked = creatives.map(({ creative }) => ({ type: 'CREATIVE' as const, id: creative }))
    return strategy === null ? booked : [...booked, { type: 'STRATEGY', id: strategy }]
  },
  STRATEGY: constrained,
  SEGMENT: constrained,
  CREATIVE: () => [],
}

/** Throws INVALID_STATE, naming everything that can neither go along nor be published as it is, or is archived and not live. */
export async function goesAlong(tx: Tx, subject: Thing): Promise<Along> {
  const used: Thing[] = []
  const seen = new Set([subject.head._id])
  let next = usesOf[subject.type](subject.head.content)
  while (next.length > 0) {
    const level: Thing[] = []
    for (const [type, ofKind] of Map.groupBy(next, (reference) => reference.type)) {
      const ids = [...new Set(ofKind.map(({ id }) => id))].filter((id) => !seen.has(id))
      for (const id of ids) seen.add(id)
      level.push(...(await readThings(tx, type, ids)))
    }
    used.push(...level)
    next = (await contentsOf(tx, level)).flatMap(({ type, content }) => usesOf[type](content))
  }
  await refuseArchivedUses(tx, subject, used)
  const inState = (state: ReviewState) => used.filter(({ head }) => head.reviewState === state)
  const drafts = inState('DRAFT').filter((thing) => !staysBehind(thing))
  const alike = await approvedAlike(tx, drafts)
  return {
    drafts: drafts.filter(({ head }) => !alike.has(head._id)),
    open: await openReviews(tx, inState('IN_REVIEW')),
  }
}

/**
 * id -> the newest approved revision, of those whose newest content is what was approved: a review of it would be of nothing.
 * So it is when what was changed is changed back.
 */
export async function approvedAlike(tx: Tx, drafts: readonly Thing[]): Promise<Map<string, number>> {
  const ids = drafts.map(({ head }) => head._id)
  const approved = await reviews.newestApproved(tx, ids)
  const alike = drafts.flatMap(({ head }) => {
    const newest = approved.get(head._id)
    return newest?.hash === head.hash ? [[head._id, newest.revision] as const] : []
  })
  return new Map(alike)
}

/** What could never be published is not reviewed. Only a schedule puts what it uses on the nodes. */
async function refuseArchivedUses(tx: Tx, { type, head }: Thing, used: readonly Thing[]): Promise<void> {
  if (type !== 'SCHEDULE') return
  const { slot: slotId, pinned } = head as unknown as ScheduleMore
  const slot = await slots.require(tx, slotId)
  const uses = [useOf('slot', slot), ...used.map((thing) => useOf(thing.type.toLowerCase(), thing.head))]
  const inUse = pinned ? [slotId, ...idsPinned(pinned)] : []
  refuseArchivedAnew(`Cannot submit the ${nameOf({ type, head })}, which could not be published`, uses, new Set(inUse))
}

/** Its newest revision does not go to the reviewers: it was rejected, or it is archived. */
function staysBehind({ head }: Thing): boolean {
  return head.reviewState === 'REJECTED' || (head.reviewState === 'DRAFT' && head.archivedAt !== null)
}

/** What will be published of each: of those that stay behind, the newest approved revision. */
async function contentsOf(tx: Tx, things: readonly Thing[]): Promise<{ type: SubjectKind; content: SubjectContent }[]> {
  const [behind, others] = [things.filter(staysBehind), things.filter((thing) => !staysBehind(thing))]
  const contents = others.map(({ type, head }) => ({ type, content: head.content }))
  const approved = await reviews.newestApproved(
    tx,
    behind.map(({ head }) => head._id),
  )
  const lacking = behind.filter(({ head }) => !approved.has(head._id))
  if (lacking.length > 0) throw invalidState(nothingToPublish(lacking))
  for (const [type, ofKind] of Map.groupBy(behind, (thing) => thing.type)) {
    const pins = ofKind.map(({ head }) => approved.get(head._id)!)
    for (const revision of await subjectsOf[type].atPins(tx, pins)) contents.push({ type, content: revision!.content })
  }
  return contents
}

function nothingToPublish(things: readonly Thing[]): string {
  const names = things.map((thing) => `the ${nameOf(thing)} is ${thing.head.archivedAt ? 'archived' : 'REJECTED'}`)
  return `It uses what cannot be reviewed, and of which no earlier revision is approved: ${names.join(', ')}`
}

async function openReviews(tx: Tx, things: readonly Thing[]): Promise<Review[]> {
  const pins = things.map(({ head }) => ({ id: head._id, revision: head.revision }))
  const found = pins.length === 0 ? [] : await reviews.at(tx, pins)
  return found.map((review, index) => {
    if (!review) throw new Error(`${JSON.stringify(pins[index])} is IN_REVIEW without a review`)
    return review
  })
}
