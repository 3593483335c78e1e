// Where reviews stand, and how they move together with the review states of their subjects.

import type { ReviewState } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import type { Review } from './repository.ts'
import { nameOf, pinOf, subjectsOf, type Thing } from './subjects.ts'

/**
 * Where a review stands. An open one is superseded as soon as its subject has a newer revision, before anything is
 * written: whoever revises a thing knows nothing of reviews.
 */
export function stateOf(review: Pick<Review, 'state' | 'revision'>, newestRevision: number): Review['state'] {
  return review.state === 'OPEN' && newestRevision > review.revision ? 'SUPERSEDED' : review.state
}

/**
 * Moves the review state of each thing whose review is open, and answers those reviews. The move itself tells
 * whether a newer revision supersedes a review: it writes the head, so it collides with whoever is writing one just now.
 */
export async function moveStates(tx: Tx, candidates: readonly Review[], state: ReviewState): Promise<Review[]> {
  const moved: Review[] = []
  for (const review of candidates) {
    if (review.state !== 'OPEN') continue
    if (await subjectsOf[review.subject.type].transition(tx, pinOf(review), state)) moved.push(review)
  }
  return moved
}

/** As people should read it: where each of these reviews stands. */
export function describeStates(reviews: readonly Review[], things: ReadonlyMap<string, Thing>): string {
  const states = reviews.map((review) => {
    const thing = things.get(review.subject.id)!
    return `revision ${review.revision} of the ${nameOf(thing)} is ${stateOf(review, thing.head.revision)}`
  })
  return states.join('; ')
}
