// The DataLoaders of audit. They are made for one request, and read in batches what it asks for: reviews, submissions, their
// subjects and the change log.

import type DataLoader from 'dataloader'
import type { Services } from '../../common/command/services.ts'
import { loaderById, loaderByKey } from '../../common/graphql/loader.ts'
import { type Change, changesOfMany } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import {
  type Approved,
  type Review,
  reviews,
  SUBJECT_KINDS,
  type SubjectKind,
  type Submission,
  submissions,
} from './repository.ts'
import { type SubjectRevision, subjectRepositories } from './subjects.ts'

/** The newest changes of one thing. */
export type ChangesKey = { subject: Change['subject']; first: number }

/** The review of one exact revision; or a page of the reviews of a thing's approved revisions, newest first. */
export type ReviewsKey = Pin | ApprovedKey
type ApprovedKey = { approvedOf: string; first: number; before: number | null }

type SubjectLoaders = {
  /** By id: the newest revision. */
  newest: DataLoader<string, number | null>
  revisions: DataLoader<Pin, SubjectRevision | null, string>
}

export type AuditLoaders = {
  reviews: DataLoader<string, Review | null>
  /** Reviews of exact revisions, and of the approved revisions of things. */
  reviewsOf: DataLoader<ReviewsKey, Review[], string>
  submissions: DataLoader<string, Submission | null>
  /** By exact revision: the newest approved, not revoked revision before it. */
  approvedBefore: DataLoader<Pin, Approved | null, string>
  subjects: Record<SubjectKind, SubjectLoaders>
  changes: DataLoader<ChangesKey, Change[], string>
}

export function auditLoaders({ store }: Services): AuditLoaders {
  return {
    reviews: loaderById((ids) => reviews.byIds(store, ids)),
    reviewsOf: loaderByKey<ReviewsKey, Review[]>((keys) => readReviews(store, keys), reviewsKeyText),
    submissions: loaderById((ids) => submissions.byIds(store, ids)),
    approvedBefore: loaderByKey<Pin, Approved | null>((pins) => reviews.approvedBefore(store, pins), pinText),
    subjects: Object.fromEntries(SUBJECT_KINDS.map((kind) => [kind, subjectLoaders(store, kind)])) as Record<
      SubjectKind,
      SubjectLoaders
    >,
    changes: loaderByKey<ChangesKey, Change[]>(
      (keys) => readChanges(store, keys),
      ({ subject: { type, id }, first }) => `${type} ${id} ${first}`,
    ),
  }
}

/** Drops what was read. A mutation calls it, because the same request may have read older values. */
export function forget({ subjects, ...others }: AuditLoaders): void {
  for (const loader of Object.values(others)) loader.clearAll()
  for (const { newest, revisions } of Object.values(subjects)) {
    newest.clearAll()
    revisions.clearAll()
  }
}

function subjectLoaders(store: Store, kind: SubjectKind): SubjectLoaders {
  return {
    newest: loaderById((ids) => subjectRepositories[kind].newestRevisions(store, ids)),
    revisions: loaderByKey<Pin, SubjectRevision | null>(
      (pins) => subjectRepositories[kind].atPins(store, pins),
      pinText,
    ),
  }
}

/** One read for all keys, if they ask for the same page of approved revisions; else one read for each different page. */
async function readReviews(store: Store, keys: readonly ReviewsKey[]): Promise<Review[][]> {
  const found = new Map<string, Review[]>()
  const pins = keys.filter((key) => 'revision' in key)
  const approved = keys.filter((key) => 'approvedOf' in key)
  const [page = [], ...others] = Map.groupBy(approved, ({ first, before }) => `${first} ${before}`).values()
  await read(pins, page)
  for (const other of others) await read([], other)
  return keys.map((key) => found.get(reviewsKeyText(key))!)

  async function read(pins: readonly Pin[], page: readonly ApprovedKey[]): Promise<void> {
    const [asked] = page
    const ids = page.map(({ approvedOf }) => approvedOf)
    const limits = { limit: asked?.first ?? 0, before: asked?.before ?? undefined }
    const { at, approved } = await reviews.atAndApprovedOf(store, pins, ids, limits)
    for (const [index, pin] of pins.entries()) {
      const review = at[index]
      found.set(reviewsKeyText(pin), review ? [review] : [])
    }
    for (const key of page) found.set(reviewsKeyText(key), approved.get(key.approvedOf)!)
  }
}

function reviewsKeyText(key: ReviewsKey): string {
  return 'revision' in key ? pinText(key) : `${key.approvedOf} ${key.first} ${key.before}`
}

/** One read for each kind of thing. It reads the longest list that is asked for, and cuts off the others. */
async function readChanges(store: Store, keys: readonly ChangesKey[]): Promise<Change[][]> {
  const found = new Map<string, Change[]>()
  for (const [type, ofKind] of Map.groupBy(keys, ({ subject }) => subject.type)) {
    const ids = [...new Set(ofKind.map(({ subject }) => subject.id))]
    const most = Math.max(...ofKind.map(({ first }) => first))
    for (const [id, changes] of await changesOfMany(store, type, ids, most)) found.set(`${type} ${id}`, changes)
  }
  return keys.map(({ subject: { type, id }, first }) => found.get(`${type} ${id}`)!.slice(0, first))
}
