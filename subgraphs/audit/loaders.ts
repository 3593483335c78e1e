// Everything that one request asks for of reviews, submissions, their subjects and the change log, read at once.

import type DataLoader from 'dataloader'
import { loaderById, loaderByKey } from '../../common/graphql/loader.ts'
import { type Pin, pinText } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { type Change, changesOfMany } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import {
  type Approved,
  type Review,
  reviews,
  SUBJECT_KINDS,
  type SubjectKind,
  type Submission,
  submissions,
} from './repository.ts'
import { type SubjectRevision, subjectsOf } from './subjects.ts'

/** The newest changes of one thing. */
export type ChangesKey = { subject: Change['subject']; first: number }

type SubjectLoaders = {
  /** By id: the newest revision. */
  newest: DataLoader<string, number | null>
  revisions: DataLoader<Pin, SubjectRevision | null, string>
}

export type AuditLoaders = {
  reviews: DataLoader<string, Review | null>
  /** By exact revision. */
  reviewsAt: DataLoader<Pin, Review | null, string>
  submissions: DataLoader<string, Submission | null>
  /** By exact revision of a subject: the newest approved, not revoked one before it. */
  approvedBefore: DataLoader<Pin, Approved | null, string>
  subjects: Record<SubjectKind, SubjectLoaders>
  changes: DataLoader<ChangesKey, Change[], string>
}

export function auditLoaders({ store }: Services): AuditLoaders {
  return {
    reviews: loaderById((ids) => reviews.byIds(store, ids)),
    reviewsAt: loaderByKey<Pin, Review | null>((pins) => reviews.at(store, pins), pinText),
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

/** After a mutation: whatever the same request read before may be out of date. */
export function forget({ subjects, ...others }: AuditLoaders): void {
  for (const loader of Object.values(others)) loader.clearAll()
  for (const { newest, revisions } of Object.values(subjects)) {
    newest.clearAll()
    revisions.clearAll()
  }
}

function subjectLoaders(store: Store, kind: SubjectKind): SubjectLoaders {
  return {
    newest: loaderById((ids) => subjectsOf[kind].newestRevisions(store, ids)),
    revisions: loaderByKey<Pin, SubjectRevision | null>((pins) => subjectsOf[kind].atPins(store, pins), pinText),
  }
}

/** One read for each kind of thing; a shorter list is the beginning of a longer one. */
async function readChanges(store: Store, keys: readonly ChangesKey[]): Promise<Change[][]> {
  const found = new Map<string, Change[]>()
  for (const [type, ofKind] of Map.groupBy(keys, ({ subject }) => subject.type)) {
    const ids = [...new Set(ofKind.map(({ subject }) => subject.id))]
    const most = Math.max(...ofKind.map(({ first }) => first))
    for (const [id, changes] of await changesOfMany(store, type, ids, most)) found.set(`${type} ${id}`, changes)
  }
  return keys.map(({ subject: { type, id }, first }) => found.get(`${type} ${id}`)!.slice(0, first))
}
