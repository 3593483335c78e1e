// What audit adds to the things of other subgraphs: their review, their changes, and the revisions that reviewers
// decide on. A reference is never trusted for rights: the role is checked on what is found.

import { authorize, requirePrincipal } from '../../common/access/rights.ts'
import type { Caller } from '../../common/command/services.ts'
import { readPage } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import { revisionFields } from '../../common/graphql/revisioned.ts'
import type { SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { SubjectType } from '../../common/store/changes.ts'
import type { Pin } from '../../engine/publication/types.ts'
import type { AuditLoaders } from './loaders.ts'
import type { Review, SubjectKind } from './repository.ts'
import { pinOf, type SubjectRevision } from './subjects.ts'

type Context = SubgraphContext<AuditLoaders>

/** The newest changes of a thing. */
export function historyOf(type: SubjectType) {
  return async ({ id }: { id: string }, page: { first?: number | null }, { caller, loaders }: Context) => {
    requirePrincipal(caller.principal)
    if (type === 'APP') authorize(caller.principal, id, 'read')
    const { first } = readPage(page)
    const changes = await loaders.changes.load({ subject: { type, id }, first })
    for (const change of changes) authorize(caller.principal, change.app, 'read')
    return changes
  }
}

type ApprovedPage = { first?: number | null; before?: number | null }

/** Of a thing that is reviewed. The reference brings its newest revision, so its head is not read again. */
export function reviewedFields(type: SubjectKind) {
  return {
    async review({ id, revision }: Pin, _: unknown, { caller, loaders }: Context) {
      loaders.subjects[type].newest.prime(id, revision)
      return readReviewOf({ id, revision }, caller, loaders)
    },
    async approvedRevisions({ id }: Pin, page: ApprovedPage, { caller, loaders }: Context): Promise<Pin[]> {
      requirePrincipal(caller.principal)
      const { first } = readPage(page)
      const found = await loaders.reviewsOf.load({ approvedOf: id, first, before: page.before ?? null })
      for (const review of found) {
        authorize(caller.principal, review.app, 'read')
        loaders.reviewsOf.prime(pinOf(review), [review])
      }
      return found.filter(({ subject }) => subject.type === type).map(pinOf)
    },
    history: historyOf(type),
  }
}

/**
 * Of an exact revision. Its owner has the same fields; audit answers them too, since it reads these revisions anyway to
 * say what differs, and so each is read once.
 */
export function revisionFieldsOf(type: SubjectKind) {
  const field =
    (value: (revision: SubjectRevision) => unknown) =>
    async ({ id, revision }: Pin, _: unknown, { caller, loaders }: Context) => {
      const found = await readable(caller, () => loaders.subjects[type].revisions.load({ id, revision }))
      return found && value(found)
    }
  return {
    // The type may be asked for by anybody who has the id and the revision; what there is, each field looks up.
    __resolveReference: (pin: Pin) => pin,
    review: ({ id, revision }: Pin, _: unknown, { caller, loaders }: Context) =>
      readReviewOf({ id, revision }, caller, loaders),
    content: field(revisionFields.content),
    hash: field(({ hash }) => hash),
    author: field(({ author }) => author),
    writtenAt: field(revisionFields.writtenAt),
  }
}

function readReviewOf(pin: Pin, caller: Caller, loaders: AuditLoaders): Promise<Review | null> {
  return readable(caller, async () => (await loaders.reviewsOf.load(pin))[0] ?? null)
}
