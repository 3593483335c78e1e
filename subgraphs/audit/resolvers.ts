// How reviews, submissions and the change log appear in the graph.

import { authorize, requirePrincipal } from '../../common/auth.ts'
import { type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Services } from '../../common/services.ts'
import { type Change, changesOf, countChanges } from '../../common/store/changes.ts'
import { approve, reject } from './decide.ts'
import { differences } from './diff.ts'
import { type AuditLoaders, forget } from './loaders.ts'
import { countWaiting, currentState, readQueue } from './queue.ts'
import type { Review, SubjectKind, Submission } from './repository.ts'
import { pinOf, REVISION_TYPES } from './subjects.ts'
import { submitForReview } from './submit.ts'

type Context = SubgraphContext<AuditLoaders>
type Reference = { id: string }

export function auditResolvers(services: Services): Resolvers<Context> {
  const { store } = services

  return {
    Query: {
      async reviewQueue(_, { app, ...page }: PageArguments & { app: string }, { caller, loaders }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const found = await readQueue(store, loaders, app, { limit, after })
        return toConnection(
          found,
          first,
          (review) => review._id,
          () => countWaiting(store, app),
        )
      },
      async history(_, { subject, ...page }: PageArguments & { subject: Change['subject'] }, { caller }) {
        requirePrincipal(caller.principal)
        const { first, limit, after } = readPage(page)
        const changes = await changesOf(store, subject, { limit, before: after })
        // Only the entries say to which app it belongs: what has none shows nothing to anybody.
        for (const change of changes) authorize(caller.principal, change.app, 'read')
        return toConnection(
          changes,
          first,
          (change) => change._id,
          () => countChanges(store, subject),
        )
      },
    },

    Mutation: {
      submitForReview: async (_, { input }, context) =>
        readSubmissionAnew(context, await submitForReview(services, context.caller, input)),
      approve: async (_, { input }, context) =>
        readSubmissionAnew(context, await approve(services, context.caller, input)),
      reject: async (_, { input }, context) =>
        readSubmissionAnew(context, await reject(services, context.caller, input)),
    },

    Submission: {
      __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
        readable(caller, () => loaders.submissions.load(id)),
      id: (submission: Submission) => submission._id,
      app: (submission: Submission) => ({ id: submission.app }),
      reviews: (submission: Submission, _: unknown, { loaders }: Context) =>
        loaders.reviews.loadMany(submission.reviews),
    },

    Review: {
      __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
        readable(caller, () => loaders.reviews.load(id)),
      id: (review: Review) => review._id,
      app: (review: Review) => ({ id: review.app }),
      subject: (review: Review) => ({ __typename: REVISION_TYPES[review.subject.type], ...pinOf(review) }),
      state: (review: Review, _: unknown, { loaders }: Context) => currentState(loaders, review),
      submissions: (review: Review) => review.submissions.toReversed(),
      submittedBy: (review: Review) => review.submittedBy[0],
      diff: (review: Review, _: unknown, { loaders }: Context) => diffOf(loaders, review),
    },

    Change: { id: (change: Change) => change._id },

    Schedule: subjectFields('SCHEDULE'),
    Creative: subjectFields('CREATIVE'),
    Strategy: subjectFields('STRATEGY'),
  }
}

/** What reviews add to a thing that another subgraph has. */
function subjectFields(type: SubjectKind) {
  return {
    async review({ id }: Reference, _: unknown, { caller, loaders }: Context) {
      const head = await readable(caller, () => loaders.subjects[type].heads.load(id))
      return head && loaders.reviewsAt.load({ id, revision: head.revision })
    },
    async history({ id }: Reference, page: { first?: number | null }, { caller, loaders }: Context) {
      requirePrincipal(caller.principal)
      const { first } = readPage(page)
      const changes = await loaders.changes.load({ type, id, first })
      for (const change of changes) authorize(caller.principal, change.app, 'read')
      return changes
    },
  }
}

async function diffOf(loaders: AuditLoaders, review: Review) {
  const { revisions } = loaders.subjects[review.subject.type]
  const approved = await loaders.approved.load(review.subject.id)
  const last = approved?.find((earlier) => earlier.revision < review.revision)
  const [before, after] = await Promise.all([last ? revisions.load(last) : null, revisions.load(pinOf(review))])
  return differences(before?.content ?? {}, after?.content ?? {})
}

async function readSubmissionAnew({ caller, loaders }: Context, id: string): Promise<Submission | null> {
  forget(loaders)
  return readable(caller, () => loaders.submissions.load(id))
}
