// Everything that one request asks for of reviews, submissions, their subjects and the change log, read at once.

import type DataLoader from 'dataloader'
import { loaderById, loaderByKey } from '../../common/graphql/loader.ts'
import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Pin } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { type Change, changesOfMany } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { type Approved, type Review, reviews, type SubjectKind, type Submission, submissions } from './repository.ts'
import { type SubjectHead, type SubjectRevision, subjectsOf } from './subjects.ts'

/** The newest changes of one thing. */
export type ChangesKey = { type: SubjectKind; id: string; first: number }

export type AuditLoaders = {
  reviews: DataLoader<string, Review | null>
  /** By exact revision. */
  reviewsAt: DataLoader<Pin, Review | null, string>
  submissions: DataLoader<string, Submission | null>
  /** By the id of a subject: its approved, not revoked revisions, newest first. */
  approved: DataLoader<string, Approved[] | null>
  subjects: Record<SubjectKind, RevisionedLoaders<SubjectHead, SubjectRevision>>
  changes: DataLoader<ChangesKey, Change[], string>
}

export function auditLoaders({ store }: Services): AuditLoaders {
  return {
    reviews: loaderById((ids) => reviews.byIds(store, ids)),
    reviewsAt: loaderByKey<Pin, Review | null>(
      (pins) => reviews.at(store, pins),
      ({ id, revision }) => `${id}@${revision}`,
    ),
    submissions: loaderById((ids) => submissions.byIds(store, ids)),
    approved: loaderById(async (ids) => {
      const approved = await reviews.approvedOf(store, ids)
      return ids.map((id) => approved.get(id)!)
    }),
    subjects: {
      SCHEDULE: revisionedLoaders<SubjectHead, SubjectRevision>(store, subjectsOf.SCHEDULE),
      CREATIVE: revisionedLoaders<SubjectHead, SubjectRevision>(store, subjectsOf.CREATIVE),
      STRATEGY: revisionedLoaders<SubjectHead, SubjectRevision>(store, subjectsOf.STRATEGY),
      SEGMENT: revisionedLoaders<SubjectHead, SubjectRevision>(store, subjectsOf.SEGMENT),
    },
    changes: loaderByKey<ChangesKey, Change[]>(
      (keys) => readChanges(store, keys),
      ({ type, id, first }) => `${type} ${id} ${first}`,
    ),
  }
}

/** After a mutation: whatever the same request read before may be out of date. */
export function forget(loaders: AuditLoaders): void {
  const { subjects, ...others } = loaders
  for (const loader of Object.values(others)) loader.clearAll()
  for (const { heads, revisions } of Object.values(subjects)) {
    heads.clearAll()
    revisions.clearAll()
  }
}

/** One read for each kind of thing; a shorter list is the beginning of a longer one. */
async function readChanges(store: Store, keys: readonly ChangesKey[]): Promise<Change[][]> {
  const found = new Map<string, Change[]>()
  for (const [type, ofKind] of Map.groupBy(keys, (key) => key.type)) {
    const ids = [...new Set(ofKind.map(({ id }) => id))]
    const most = Math.max(...ofKind.map(({ first }) => first))
    for (const [id, changes] of await changesOfMany(store, type, ids, most)) found.set(id, changes)
  }
  return keys.map(({ id, first }) => found.get(id)!.slice(0, first))
}
