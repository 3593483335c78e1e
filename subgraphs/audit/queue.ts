// What waits for a decision. A review whose subject has a newer revision is superseded without anything having been
// written, so the queue reads on until its page is full of those that are not.

import type { Store } from '../../common/store/store.ts'
import type { AuditLoaders } from './loaders.ts'
import { type Review, reviews } from './repository.ts'
import { stateOf, subjectsOf } from './subjects.ts'

/** Open reviews of an app, oldest first; `after` is the id after which the page begins. */
export async function readQueue(
  store: Store,
  loaders: AuditLoaders,
  app: string,
  { limit, after }: { limit: number; after: string | undefined },
): Promise<Review[]> {
  const waiting: Review[] = []
  let last = after
  while (true) {
    const page = await reviews.openPage(store, app, { limit, after: last })
    const states = await Promise.all(page.map((review) => currentState(loaders, review)))
    waiting.push(...page.filter((_, index) => states[index] === 'OPEN'))
    if (waiting.length >= limit || page.length < limit) return waiting.slice(0, limit)
    last = page.at(-1)!._id
  }
}

/** Where a review stands now; the heads of all that are asked for are read at once. */
export async function currentState(loaders: AuditLoaders, review: Review): Promise<Review['state']> {
  if (review.state !== 'OPEN') return review.state
  const head = await loaders.subjects[review.subject.type].heads.load(review.subject.id)
  return stateOf(review, head?.revision ?? review.revision)
}

/** How many reviews of an app wait for a decision: as many as there are things whose newest revision is in review. */
export async function countWaiting(store: Store, app: string): Promise<number> {
  const counts = Object.values(subjectsOf).map((subjects) => subjects.count(store, app, { reviewState: 'IN_REVIEW' }))
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}
