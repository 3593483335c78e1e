// What waits for a decision. A review whose subject has a newer revision is superseded without anything having been
// written, so the queue reads on until its page is full of those that are not.

import { textFilter } from '../../common/store/filters.ts'
import type { Store } from '../../common/store/store.ts'
import type { AuditLoaders } from './loaders.ts'
import { type Review, type ReviewFilter, reviews, SUBJECT_KINDS, type Waiting } from './repository.ts'
import { stateOf } from './states.ts'
import { subjectsOf } from './subjects.ts'

const COUNTED_AT_ONCE = 1_000

/** Open reviews of an app, oldest first; `after` is the id after which the page begins. */
export async function readQueue(
  store: Store,
  loaders: AuditLoaders,
  queue: { app: string; filter: ReviewFilter },
  { limit, after }: { limit: number; after: string | undefined },
): Promise<Waiting[]> {
  const waiting: Waiting[] = []
  let last = after
  while (true) {
    const page = await reviews.openPage(store, queue.app, queue.filter, { limit, after: last })
    const states = await Promise.all(page.map((review) => currentState(loaders, review)))
    waiting.push(...page.filter((_, index) => states[index] === 'OPEN'))
    if (waiting.length >= limit || page.length < limit) return waiting.slice(0, limit)
    last = page.at(-1)!._id
  }
}

/** Where a review stands now; the newest revisions of all that are asked for are read at once. */
export async function currentState(
  loaders: AuditLoaders,
  review: Pick<Review, 'state' | 'subject' | 'revision'>,
): Promise<Review['state']> {
  if (review.state !== 'OPEN') return review.state
  const newest = await loaders.subjects[review.subject.type].newest.load(review.subject.id)
  return stateOf(review, newest ?? review.revision)
}

/**
 * How many reviews of an app wait for a decision: as many as there are things whose newest revision is in review. Their
 * own contents have what the reviews have of it, since a review is of that revision; but not when it was submitted, so of
 * a period the reviews themselves are counted.
 */
export async function countWaiting(
  store: Store,
  loaders: AuditLoaders,
  app: string,
  filter: ReviewFilter,
): Promise<number> {
  const { period } = filter
  if (!period?.from && !period?.to) return countInReview(store, app, filter)
  let waiting = 0
  let after: string | undefined
  while (true) {
    const open = await reviews.open(store, app, filter, { limit: COUNTED_AT_ONCE, after })
    const states = await Promise.all(open.map((review) => currentState(loaders, review)))
    waiting += states.filter((state) => state === 'OPEN').length
    if (open.length < COUNTED_AT_ONCE) return waiting
    after = open.at(-1)!._id
  }
}

async function countInReview(store: Store, app: string, { types, slot, text }: ReviewFilter): Promise<number> {
  const kinds = SUBJECT_KINDS.filter((kind) => types?.includes(kind) ?? true)
  const bookable = typeof slot === 'string' ? kinds.filter((kind) => kind === 'SCHEDULE') : kinds
  const filter = {
    reviewState: 'IN_REVIEW',
    ...(typeof slot === 'string' ? { slot } : {}),
    ...textFilter(text, ['content.name']),
  }
  const counts = await Promise.all(bookable.map((kind) => subjectsOf[kind].count(store, app, filter)))
  return counts.reduce((sum, count) => sum + count, 0)
}
