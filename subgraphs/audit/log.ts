// What the change log keeps of a review: the thing before and after, and where its review stood.

import type { Mutation } from '../../common/mutate.ts'
import type { Review } from './repository.ts'
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

function shownReview({ _id: id, revision, state, comment }: Review) {
  return { id, revision, state, comment }
}
