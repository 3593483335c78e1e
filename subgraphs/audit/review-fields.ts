// What audit adds to the types of other subgraphs: the review of a thing, its changes, and the exact revisions that reviewers
// decide on. A reference from another subgraph proves no right: the role is checked on what is found.

import { authorize, requirePrincipal } from '../../common/access/rights.ts'
import type { Caller } from '../../common/command/services.ts'
import { readPage } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import { revisionFields } from '../../common/graphql/revisioned.ts'
import type { SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { historyField } from './history.ts'
import type { AuditLoaders } from './loaders.ts'
import type { Review, SubjectKind } from './repository.ts'
import { pinOf, type SubjectRevision } from './subjects.ts'

type Context = SubgraphContext<AuditLoaders>

type ApprovedPage = { first?: number | null; before?: number | null }

/** The fields of a thing that is reviewed. The reference brings its newest revision, so its head is not read again. */
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
    history: historyField(type),
  }
}

/**
 * The fields of an exact revision. Its owner answers the same fields. Audit answers them too, because it reads the revision
 * for the diff anyway: so it is read once.
 */
export function revisionFieldsOf(type: SubjectKind) {
  const field =
    (value: (revision: SubjectRevision) => unknown) =>
    async ({ id, revision }: Pin, _: unknown, { caller, loaders }: Context) => {
      const found = await readable(caller, () => loaders.subjects[type].revisions.load({ id, revision }))
      return found && value(found)
    }
  return {
    // A reference is not looked up here. Each field reads the revision and checks the role.
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
