// The review queue: what waits for a decision, and how many. An open review whose subject has a newer revision is superseded,
// but that is not stored. So the queue reads pages until it has enough reviews that really wait.

import { z } from 'zod'
import { optional, optionalText, parseInput, period, reference } from '../../common/command/input.ts'
import type { Db } from '../../common/store/collection.ts'
import { textFilter } from '../../common/store/filters.ts'
import type { Store } from '../../common/store/store.ts'
import { slots } from '../schedule/repository.ts'
import type { AuditLoaders } from './loaders.ts'
import {
  type QueuedReview,
  type Review,
  type ReviewFilter,
  type ReviewStatus,
  reviews,
  SUBJECT_KINDS,
} from './repository.ts'
import { statusOf } from './review-states.ts'
import { subjectRepositories } from './subjects.ts'

const COUNTED_AT_ONCE = 1_000

const filterInput = z.object({
  types: optional(z.array(z.string())),
  slot: optional(reference),
  text: optionalText(200),
  period: optional(period),
})

/** Throws BAD_USER_INPUT with the path of what is wrong, or NOT_FOUND with the path of an unknown slot. */
export async function parseReviewFilter(db: Db, app: string, given: unknown): Promise<ReviewFilter> {
  const filter = parseInput(filterInput, given ?? {}, 'filter')
  if (filter.slot === null) return filter
  const slot = await slots.requireIn(db, app, filter.slot, 'filter.slot')
  return { ...filter, slot: slot._id }
}

/** The waiting reviews of an app, oldest first. The page begins after the review with the id `after`. */
export async function readQueue(
  store: Store,
  loaders: AuditLoaders,
  queue: { app: string; filter: ReviewFilter },
  { limit, after }: { limit: number; after: string | undefined },
): Promise<QueuedReview[]> {
  const waiting: QueuedReview[] = []
  let last = after
  while (true) {
    const page = await reviews.openPage(store, queue.app, queue.filter, { limit, after: last })
    const states = await Promise.all(page.map((review) => currentStatus(loaders, review)))
    waiting.push(...page.filter((_, index) => states[index] === 'OPEN'))
    if (waiting.length >= limit || page.length < limit) return waiting.slice(0, limit)
    last = page.at(-1)!._id
  }
}

/** The state of a review now. The newest revisions of all subjects of one request are read at once. */
export async function currentStatus(
  loaders: AuditLoaders,
  review: Pick<Review, 'state' | 'subject' | 'revision'>,
): Promise<ReviewStatus> {
  if (review.state !== 'OPEN') return review.state
  const newest = await loaders.subjects[review.subject.type].newest.load(review.subject.id)
  return statusOf(review, newest ?? review.revision)
}

/**
 * How many reviews of an app wait. Without a period it counts the subjects that are IN_REVIEW: each has one waiting review, with
 * the same name and slot. A subject does not say when it was submitted, so with a period it counts the reviews themselves.
 */
export async function countQueue(
  store: Store,
  loaders: AuditLoaders,
  app: string,
  filter: ReviewFilter,
): Promise<number> {
  const { period } = filter
  if (!period?.from && !period?.to) return countSubjectsInReview(store, app, filter)
  let waiting = 0
  let after: string | undefined
  while (true) {
    const open = await reviews.open(store, app, filter, { limit: COUNTED_AT_ONCE, after })
    const states = await Promise.all(open.map((review) => currentStatus(loaders, review)))
    waiting += states.filter((state) => state === 'OPEN').length
    if (open.length < COUNTED_AT_ONCE) return waiting
    after = open.at(-1)!._id
  }
}

async function countSubjectsInReview(store: Store, app: string, { types, slot, text }: ReviewFilter): Promise<number> {
  const wantedKinds = SUBJECT_KINDS.filter((kind) => types?.includes(kind) ?? true)
  // Only schedules are booked in a slot.
  const kinds = typeof slot === 'string' ? wantedKinds.filter((kind) => kind === 'SCHEDULE') : wantedKinds
  const filter = {
    reviewState: 'IN_REVIEW',
    ...(typeof slot === 'string' ? { slot } : {}),
    ...textFilter(text, ['content.name']),
  }
  const counts = await Promise.all(kinds.map((kind) => subjectRepositories[kind].count(store, app, filter)))
  return counts.reduce((sum, count) => sum + count, 0)
}
