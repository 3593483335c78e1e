// The resolvers of reviews, submissions and the change log.

import { authorize } from '../../common/access/rights.ts'
import { refuseUnknownApp } from '../../common/apps/apps.ts'
import type { Services } from '../../common/command/services.ts'
import { type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { readable, readById } from '../../common/graphql/read.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Change } from '../../common/store/changes.ts'
import { differences } from './diff.ts'
import { type HistoryArguments, historyField, readHistory } from './history.ts'
import { type AuditLoaders, forget } from './loaders.ts'
import { countQueue, currentStatus, parseReviewFilter, readQueue } from './queue.ts'
import type { QueuedReview, Review, Submission } from './repository.ts'
import { reviewedFields, revisionFieldsOf } from './review-fields.ts'
import {
  type DifferenceArguments,
  type RevisionArguments,
  type RevisionsArguments,
  readDifference,
  readRevision,
  readRevisions,
} from './revisions.ts'
import { pinOf, REVISION_TYPES } from './subjects.ts'
import { recallSubmission, submitForReview } from './submission.ts'
import { approve, reject } from './verdict.ts'

type Context = SubgraphContext<AuditLoaders>
type Reference = { id: string }
type QueueArguments = PageArguments & { app: string; filter?: unknown }

export function auditResolvers(services: Services): Resolvers<Context> {
  const { store } = services

  return {
    Query: {
      async reviewQueue(_, { app, filter: given, ...page }: QueueArguments, { caller, loaders }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const filter = await parseReviewFilter(store, app, given)
        const found = await readQueue(store, loaders, { app, filter }, { limit, after })
        await refuseUnknownApp(store, app, found, after)
        return toConnection(
          found,
          first,
          (review) => review._id,
          () => countQueue(store, loaders, app, filter),
        )
      },
      submission: (_, { id }: Reference, { caller, loaders }) =>
        readById(caller, 'submission', id, (known) => loaders.submissions.load(known)),
      review: (_, { id }: Reference, { caller, loaders }) =>
        readById(caller, 'review', id, (known) => loaders.reviews.load(known)),
      revisions: (_, args: RevisionsArguments, { caller, loaders }) => readRevisions(services, caller, loaders, args),
      revision: (_, args: RevisionArguments, { caller, loaders }) => readRevision(caller, loaders, args),
      difference: (_, args: DifferenceArguments, { caller, loaders }) => readDifference(caller, loaders, args),
      history: (_, args: HistoryArguments, { caller }) => readHistory(services, caller, args),
    },

    Mutation: {
      submitForReview: async (_, { input }, context) =>
        rereadSubmission(context, await submitForReview(services, context.caller, input)),
      recallSubmission: async (_, { input }, context) =>
        rereadSubmission(context, await recallSubmission(services, context.caller, input)),
      approve: async (_, { input }, context) =>
        rereadSubmission(context, await approve(services, context.caller, input)),
      reject: async (_, { input }, context) => rereadSubmission(context, await reject(services, context.caller, input)),
    },

    Submission: {
      __resolveReference: ({ id }: Reference, context: Context) => readSubmission(context, id),
      id: (submission: Submission) => submission._id,
      app: (submission: Submission) => ({ id: submission.app }),
      reviews: (submission: Submission, _: unknown, { loaders }: Context) =>
        loaders.reviews.loadMany(submission.reviews),
    },

    Review: {
      __resolveReference: ({ id }: Reference, context: Context) => readReview(context, id),
      id: (review: Review) => review._id,
      app: (review: Review) => ({ id: review.app }),
      subject: (review: Review) => ({ __typename: REVISION_TYPES[review.subject.type], ...pinOf(review) }),
      state: (review: Review, _: unknown, { loaders }: Context) => currentStatus(loaders, review),
      submissions: (review: Review) => review.submissions.toReversed(),
      submittedBy: (review: Review) => review.submittedBy[0],
      diff: (review: Review | QueuedReview, _: unknown, { loaders }: Context) => diffOf(loaders, review),
    },

    Change: { id: (change: Change) => change._id },

    App: { history: historyField('APP') },
    Slot: { history: historyField('SLOT') },
    Schedule: reviewedFields('SCHEDULE'),
    Creative: reviewedFields('CREATIVE'),
    Strategy: reviewedFields('STRATEGY'),
    Segment: reviewedFields('SEGMENT'),
    ScheduleRevision: revisionFieldsOf('SCHEDULE'),
    CreativeRevision: revisionFieldsOf('CREATIVE'),
    StrategyRevision: revisionFieldsOf('STRATEGY'),
    SegmentRevision: revisionFieldsOf('SEGMENT'),
  }
}

async function diffOf(loaders: AuditLoaders, review: Review | QueuedReview) {
  const { revisions } = loaders.subjects[review.subject.type]
  // The queue knows the last approved revision already. Then both revisions are read in one batch with other fields.
  const last = 'approvedBefore' in review ? review.approvedBefore : await loaders.approvedBefore.load(pinOf(review))
  const [before, after] = await Promise.all([last ? revisions.load(last) : null, revisions.load(pinOf(review))])
  return differences(review.subject.type, before?.content ?? {}, after?.content ?? {})
}

function readReview({ caller, loaders }: Context, id: string): Promise<Review | null> {
  return readable(caller, () => loaders.reviews.load(id))
}

function readSubmission({ caller, loaders }: Context, id: string): Promise<Submission | null> {
  return readable(caller, () => loaders.submissions.load(id))
}

function rereadSubmission(context: Context, id: string): Promise<Submission | null> {
  forget(context.loaders)
  return readSubmission(context, id)
}
