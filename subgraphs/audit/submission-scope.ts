// The scope of a submission: what is reviewed together with the submitted subject. That is everything that the subject uses,
// directly or through others, and that is not approved. A schedule uses creatives and a strategy; a strategy uses segments;
// a segment uses other segments.

import { invalidState } from '../../common/base/errors.ts'
import { refuseNewUseOfArchived, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { ReviewState } from '../../common/store/revisioned.ts'
import { segmentsIn, walkSegments } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { idsPinned, type ScheduleContent, type ScheduleMore, slots } from '../schedule/repository.ts'
import type { SegmentContent, StrategyContent } from '../strategy/repository.ts'
import { type Review, reviews } from './repository.ts'
import { nameOf, readSubjects, type Subject, type SubjectContent, subjectRepositories } from './subjects.ts'

/** `drafts` need a new review. `open`: reviews that exist already and that the submission needs too. */
export type SubmissionScope = { drafts: Subject[]; open: Review[] }

/** Throws INVALID_STATE that names everything that cannot be published: rejected without an approved revision, or archived. */
export async function scopeOf(tx: Tx, subject: Subject): Promise<SubmissionScope> {
  const used = await readUsed(tx, subject)
  await refuseArchivedUses(tx, subject, used)
  const inState = (state: ReviewState) => used.filter(({ head }) => head.reviewState === state)
  const drafts = inState('DRAFT').filter((one) => !isLeftOut(one))
  const unchanged = await unchangedSinceApproval(tx, drafts)
  return {
    drafts: drafts.filter(({ head }) => !unchanged.has(head._id)),
    open: await openReviews(tx, inState('IN_REVIEW')),
  }
}

/**
 * id -> newest approved revision, of the drafts whose content is the same as that revision's. There is nothing to review in
 * them. It happens when somebody changes a thing and changes it back.
 */
export async function unchangedSinceApproval(tx: Tx, drafts: readonly Subject[]): Promise<Map<string, number>> {
  const ids = drafts.map(({ head }) => head._id)
  const approved = await reviews.newestApproved(tx, ids)
  const unchanged = new Map<string, number>()
  for (const { head } of drafts) {
    const newest = approved.get(head._id)
    if (newest?.hash === head.hash) unchanged.set(head._id, newest.revision)
  }
  return unchanged
}

/** Everything that the subject uses, each once: creatives, then the strategy, then segments level by level. */
async function readUsed(tx: Tx, subject: Subject): Promise<Subject[]> {
  const own = subject.head.content
  const used: Subject[] = []
  let constraints: (Constraint | null)[] = []
  if (subject.type === 'SCHEDULE') {
    const { creatives, strategy } = own as ScheduleContent
    const creativeIds = [...new Set(creatives.map(({ creative }) => creative))]
    const booked = await readSubjects(tx, 'CREATIVE', creativeIds)
    const strategies = await readSubjects(tx, 'STRATEGY', strategy === null ? [] : [strategy])
    used.push(...booked, ...strategies)
    const contents = await contentsToPublish(tx, used)
    constraints = strategies.map(({ head }) => (contents.get(head._id) as StrategyContent).constraint)
  } else if (subject.type !== 'CREATIVE') {
    constraints = [(own as StrategyContent | SegmentContent).constraint]
  }

  const readSegments = async (ids: readonly string[]) => {
    const others = ids.filter((id) => id !== subject.head._id)
    const found = await readSubjects(tx, 'SEGMENT', others)
    used.push(...found)
    return contentsToPublish(tx, found)
  }
  await walkSegments(constraints.flatMap(segmentsIn), readSegments, (content) => (content as SegmentContent).constraint)
  return used
}

/** Only a schedule puts on the nodes what it uses. What could not be published is not reviewed. */
async function refuseArchivedUses(tx: Tx, subject: Subject, used: readonly Subject[]): Promise<void> {
  if (subject.type !== 'SCHEDULE') return
  const { slot: slotId, pinned } = subject.head as unknown as ScheduleMore
  const slot = await slots.require(tx, slotId)
  const uses = [useOf('slot', slot), ...used.map(({ type, head }) => useOf(type.toLowerCase(), head))]
  const pinnedIds = pinned ? [slotId, ...idsPinned(pinned)] : []
  refuseNewUseOfArchived(`Cannot submit the ${nameOf(subject)}, which could not be published`, uses, new Set(pinnedIds))
}

/** True when the newest revision is not sent to the reviewers: it was rejected, or it is an archived draft. */
function isLeftOut({ head }: Subject): boolean {
  return head.reviewState === 'REJECTED' || (head.reviewState === 'DRAFT' && head.archivedAt !== null)
}

/** id -> the content that will be published: the newest one, or the newest approved one of what is left out. */
async function contentsToPublish(tx: Tx, subjects: readonly Subject[]): Promise<Map<string, SubjectContent>> {
  const contents = new Map<string, SubjectContent>()
  for (const subject of subjects) if (!isLeftOut(subject)) contents.set(subject.head._id, subject.head.content)
  const leftOut = subjects.filter(isLeftOut)
  const approved = await reviews.newestApproved(
    tx,
    leftOut.map(({ head }) => head._id),
  )
  refuseUnpublishable(leftOut.filter(({ head }) => !approved.has(head._id)))
  for (const [type, ofKind] of Map.groupBy(leftOut, (subject) => subject.type)) {
    const pins = ofKind.map(({ head }) => approved.get(head._id)!)
    const revisions = await subjectRepositories[type].atPins(tx, pins)
    for (const revision of revisions) contents.set(revision!.id, revision!.content)
  }
  return contents
}

function refuseUnpublishable(subjects: readonly Subject[]): void {
  if (subjects.length === 0) return
  const names = subjects.map((one) => `the ${nameOf(one)} is ${one.head.archivedAt ? 'archived' : 'REJECTED'}`)
  throw invalidState(
    `Cannot submit: ${names.join(', ')}, and has no approved revision. Revise it, or use something else`,
  )
}

async function openReviews(tx: Tx, inReview: readonly Subject[]): Promise<Review[]> {
  const pins = inReview.map(({ head }) => ({ id: head._id, revision: head.revision }))
  const found = await reviews.at(tx, pins)
  return found.map((review, index) => {
    if (!review) throw new Error(`${JSON.stringify(pins[index])} is IN_REVIEW without a review`)
    return review
  })
}
