// The state of a review, how it moves together with the review state of its subject, and what the change log keeps of that.

import type { Mutation } from '../../common/command/mutate.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { ReviewState } from '../../common/store/revisioned.ts'
import type { Review, ReviewStatus, Submission } from './repository.ts'
import { nameOf, pinOf, type Subject, type SubjectHead, subjectRepositories } from './subjects.ts'

/**
 * The state of a review now. An open review is superseded as soon as its subject has a newer revision. Nothing is written
 * for that, because saving a revision knows nothing of reviews.
 */
export function statusOf(review: Pick<Review, 'state' | 'revision'>, newestRevision: number): ReviewStatus {
  return review.state === 'OPEN' && newestRevision > review.revision ? 'SUPERSEDED' : review.state
}

/**
 * Moves the review state of the subject of each open review, and returns the reviews whose subject moved. A subject with a
 * newer revision does not move: its review is superseded. The move writes the subject's head, so it collides with a
 * command that saves a revision at the same time.
 */
export async function moveSubjects(tx: Tx, reviews: readonly Review[], state: ReviewState): Promise<Review[]> {
  const moved: Review[] = []
  for (const review of reviews) {
    if (review.state !== 'OPEN') continue
    if (await subjectRepositories[review.subject.type].transition(tx, pinOf(review), state)) moved.push(review)
  }
  return moved
}

/** For messages: `revision 2 of the creative "Summer" (cre_...) is APPROVED; ...`. */
export function describeReviews(reviews: readonly Review[], subjects: ReadonlyMap<string, Subject>): string {
  const states = reviews.map((review) => {
    const subject = subjects.get(review.subject.id)!
    return `revision ${review.revision} of the ${nameOf(subject)} is ${statusOf(review, subject.head.revision)}`
  })
  return states.join('; ')
}

/** Writes the change log's entry of a subject: the subject and its review, before and after. */
export async function logReview(
  mutation: Mutation,
  { type, head }: Subject,
  headAfter: SubjectHead,
  review: { before: Review | null; after: Review },
): Promise<void> {
  const before = { ...head, review: review.before && loggedReview(review.before) }
  const after = { ...headAfter, review: loggedReview(review.after) }
  await mutation.log(head.app, { type, id: head._id }, before, after)
}

/** The entry of a recall that does not change the subject: its review is decided, or another submission needs it. */
export async function logRecall(mutation: Mutation, { type, head }: Subject, { _id: id }: Submission): Promise<void> {
  const before = { ...head, submission: { id, recalledBy: null } }
  const after = { ...head, submission: { id, recalledBy: mutation.actor } }
  await mutation.log(head.app, { type, id: head._id }, before, after)
}

function loggedReview({ _id: id, revision, state, comment }: Review) {
  return { id, revision, state, comment }
}
