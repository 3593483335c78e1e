// How reviews, submissions and the change log appear in the graph.

import { authorize, readerOf, requirePrincipal } from '../../common/access/rights.ts'
import { refuseUnknownApp } from '../../common/apps/apps.ts'
import { idOf, parseInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { readable, readById } from '../../common/graphql/read.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import { appOfChanges, type Change, changesOf, countChanges } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { slots } from '../schedule/repository.ts'
import { approve, reject } from './decide.ts'
import { differences } from './diff.ts'
import { readChangeFilter, readReviewFilter } from './filters.ts'
import { type AuditLoaders, forget } from './loaders.ts'
import { countWaiting, currentState, readQueue } from './queue.ts'
import { recallSubmission } from './recall.ts'
import type { Review, Submission, Waiting } from './repository.ts'
import { historyOf, reviewedFields, revisionFieldsOf } from './subject-fields.ts'
import { pinOf, REVISION_TYPES } from './subjects.ts'
import { submitForReview } from './submit.ts'

type Context = SubgraphContext<AuditLoaders>
type Reference = { id: string }
type QueueArguments = PageArguments & { app: string; filter?: unknown }
type HistoryArguments = PageArguments & { subject: Change['subject']; filter?: unknown }

export function auditResolvers(services: Services): Resolvers<Context> {
  const { store } = services

  return {
    Query: {
      async reviewQueue(_, { app, filter: given, ...page }: QueueArguments, { caller, loaders }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const filter = await readReviewFilter(store, app, given)
        const found = await readQueue(store, loaders, { app, filter }, { limit, after })
        await refuseUnknownApp(store, app, found, after)
        return toConnection(
          found,
          first,
          (review) => review._id,
          () => countWaiting(store, loaders, app, filter),
        )
      },
      submission: (_, { id }: Reference, { caller, loaders }) =>
        readById(caller, 'submission', id, (known) => loaders.submissions.load(known)),
      review: (_, { id }: Reference, { caller, loaders }) =>
        readById(caller, 'review', id, (known) => loaders.reviews.load(known)),
      async history(_, { subject: named, filter: given, ...page }: HistoryArguments, { caller }) {
        requirePrincipal(caller.principal)
        const subject = await knownSubject(store, caller, named)
        const { first, limit, after } = readPage(page)
        const filter = readChangeFilter(given)
        // Only the changes say to which app it belongs: what has none shows nothing to anybody. An app is named by its
        // code, which can be guessed: whether there is one is nobody else's business.
        const app = subject.type === 'APP' ? subject.id : await appOfChanges(store, subject)
        if (app !== null) authorize(caller.principal, app, 'read')
        const changes = await changesOf(store, subject, filter, { limit, before: after })
        return toConnection(
          changes,
          first,
          (change) => change._id,
          () => countChanges(store, subject, filter),
        )
      },
    },

    Mutation: {
      submitForReview: async (_, { input }, context) =>
        readSubmissionAnew(context, await submitForReview(services, context.caller, input)),
      recallSubmission: async (_, { input }, context) =>
        readSubmissionAnew(context, await recallSubmission(services, context.caller, input)),
      approve: async (_, { input }, context) =>
        readSubmissionAnew(context, await approve(services, context.caller, input)),
      reject: async (_, { input }, context) =>
        readSubmissionAnew(context, await reject(services, context.caller, input)),
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
      state: (review: Review, _: unknown, { loaders }: Context) => currentState(loaders, review),
      submissions: (review: Review) => review.submissions.toReversed(),
      submittedBy: (review: Review) => review.submittedBy[0],
      diff: (review: Review | Waiting, _: unknown, { loaders }: Context) => diffOf(loaders, review),
    },

    Change: { id: (change: Change) => change._id },

    App: { history: historyOf('APP') },
    Slot: { history: historyOf('SLOT') },
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

const KINDS = { SCHEDULE: 'schedule', CREATIVE: 'creative', STRATEGY: 'strategy', SEGMENT: 'segment' } as const

/** A slot may be named by its code, but its changes know it by its id. */
async function knownSubject(store: Store, { principal }: Caller, { type, id }: Change['subject']) {
  if (type === 'APP') return { type, id }
  if (type !== 'SLOT') return { type, id: parseInput(idOf(KINDS[type]), id, 'subject.id') }
  const { _id } = await slots.requireNamed(store, id, 'subject.id', readerOf(principal))
  return { type, id: _id }
}

async function diffOf(loaders: AuditLoaders, review: Review | Waiting) {
  const { revisions } = loaders.subjects[review.subject.type]
  // Without waiting where it is known: both revisions are then read together with those that clients see.
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

function readSubmissionAnew(context: Context, id: string): Promise<Submission | null> {
  forget(context.loaders)
  return readSubmission(context, id)
}
