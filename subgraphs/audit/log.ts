// What the change log keeps of reviews: the thing before and after, and where its review stood.

import type { Mutation } from '../../common/command/mutate.ts'
import type { Review, Submission } from './repository.ts'
import type { SubjectHead, Thing } from './subjects.ts'

export async function logReview(
  mutation: Mutation,
  { type, head }: Thing,
  after: SubjectHead,
  review: { before: Review | null; after: Review },
): Promise<void> {
  await mutation.log(
    head.app,
    { type, id: head._id },
    { ...head, review: review.before && shownReview(review.before) },
    { ...after, review: shownReview(review.after) },
  )
}

/** A submission was recalled that leaves its subject as it is: decided already, or needed by another submission. */
export async function logRecall(mutation: Mutation, { type, head }: Thing, { _id: id }: Submission): Promise<void> {
  const { app } = head
  const before = { ...head, submission: { id, recalledBy: null } }
  const after = { ...head, submission: { id, recalledBy: mutation.actor } }
  await mutation.log(app, { type, id: head._id }, before, after)
}

function shownReview({ _id: id, revision, state, comment }: Review) {
  return { id, revision, state, comment }
}
