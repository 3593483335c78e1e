// A submission: sending something to the reviewers, and taking it back. Submitting a subject opens a review of its newest
// revision and of everything in the submission's scope. Each revision has one review. A recalled review is opened again when
// its revision is submitted again.

import { z } from 'zod'
import { invalidState } from '../../common/base/errors.ts'
import { newId } from '../../common/base/ids.ts'
import { expectedVersion, idempotencyKey, optionalText, parseInput, reference } from '../../common/command/input.ts'
import { type Mutation, mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { pinText } from '../../engine/publication/types.ts'
import type { ScheduleMore } from '../schedule/repository.ts'
import { type Review, reviews, SUBJECT_KINDS, type Submission, submissions } from './repository.ts'
import { describeReviews, logRecall, logReview, moveSubjects, statusOf } from './review-states.ts'
import { nameOf, pinOf, type Subject, subjectRepositories, subjectsOfReviews } from './subjects.ts'
import { scopeOf, unchangedSinceApproval } from './submission-scope.ts'

const submitInput = z.object({
  subject: z.object({
    type: z.enum(SUBJECT_KINDS, 'must be SCHEDULE, CREATIVE, STRATEGY or SEGMENT: nothing else is reviewed'),
    id: reference,
  }),
  expectedVersion,
  note: optionalText(2_000),
  idempotencyKey,
})

const recallInput = z.object({ submission: reference, expectedVersion, idempotencyKey })

/** A submitted subject, and its review before and after. */
type Opened = { subject: Subject; before: Review | null; after: Review }

/** Sends a subject to the reviewers. Returns the id of the submission. */
export async function submitForReview(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(submitInput, given)
  const { id } = await mutate(services, caller, 'submitForReview', input, async (mutation) => {
    const { tx, at, actor } = mutation
    const { type, id: subjectId } = input.subject
    const head = await subjectRepositories[type].require(tx, subjectId)
    mutation.authorize(head.app)
    checkVersion(type.toLowerCase(), head, input.expectedVersion)
    refuseArchived(type.toLowerCase(), head, 'be submitted')
    const subject: Subject = { type, head }
    await refuseNothingToReview(tx, subject)

    const { drafts, open } = await scopeOf(tx, subject)
    const submission = newSubmission(subject, { actor, at, note: input.note })
    const opened = await openReviews(mutation, [subject, ...drafts], submission)
    await reviews.join(
      tx,
      open.map((review) => review._id),
      submission._id,
      actor,
    )
    submission.reviews = [...opened.map(({ after }) => after), ...open].map((review) => review._id)
    await submissions.insert(tx, submission)
    await moveToReview(mutation, opened)
    return submission._id
  })
  return id
}

/** Throws INVALID_STATE unless the newest revision is a draft that differs from the newest approved one. */
async function refuseNothingToReview(tx: Tx, subject: Subject): Promise<void> {
  const { head } = subject
  if (head.reviewState !== 'DRAFT') {
    const remedy =
      head.reviewState === 'REJECTED' ? '. Revise it; saving the same again asks the reviewers once more' : ''
    throw invalidState(
      `The newest revision of the ${nameOf(subject)} is ${head.reviewState}: only a DRAFT is submitted${remedy}`,
    )
  }
  const approvedRevision = (await unchangedSinceApproval(tx, [subject])).get(head._id)
  if (approvedRevision === undefined) return
  throw invalidState(
    `The newest revision of the ${nameOf(subject)} is the same as revision ${approvedRevision}, which is approved: ` +
      'there is nothing to review. Publish it as it is, or submit what it uses by itself',
  )
}

/** Opens a review of each subject: a new one, or the recalled one again. */
async function openReviews(
  { tx, actor }: Mutation,
  subjects: readonly Subject[],
  submission: Submission,
): Promise<Opened[]> {
  const recalled = await reviews.at(
    tx,
    subjects.map(({ head }) => ({ id: head._id, revision: head.revision })),
  )
  const opened = subjects.map((subject, index): Opened => {
    const before = recalled[index] ?? null
    return { subject, before, after: before ? reopenedReview(before, submission) : newReview(subject, submission) }
  })
  await reviews.supersede(
    tx,
    subjects.map(({ head }) => head._id),
  )
  await reviews.insert(
    tx,
    opened.filter(({ before }) => before === null).map(({ after }) => after),
  )
  const again = opened.flatMap(({ before }) => (before ? [before._id] : []))
  await reviews.reopen(tx, again, submission._id, actor)
  return opened
}

/** The version of the submitted subject rises, because the mutation is about it. The versions of the others stay. */
async function moveToReview(mutation: Mutation, [first, ...others]: readonly Opened[]): Promise<void> {
  const { tx, at } = mutation
  const { subject, ...review } = first!
  const headAfter = await subjectRepositories[subject.type].touch(tx, subject.head, { reviewState: 'IN_REVIEW' }, at)
  await logReview(mutation, subject, headAfter, review)
  for (const { subject, ...review } of others) {
    await subjectRepositories[subject.type].transition(tx, pinOf(review.after), 'IN_REVIEW')
    await logReview(mutation, subject, { ...subject.head, reviewState: 'IN_REVIEW' }, review)
  }
}

function newSubmission({ type, head }: Subject, by: { actor: string; at: Date; note: string | null }): Submission {
  return {
    _id: newId('submission', by.at.getTime()),
    version: 1,
    app: head.app,
    subject: { type, id: head._id },
    reviews: [],
    submittedBy: by.actor,
    submittedAt: by.at,
    note: by.note,
    recalledBy: null,
    recalledAt: null,
  }
}

function newReview({ type, head }: Subject, submission: Submission): Review {
  return {
    _id: newId('review', submission.submittedAt.getTime()),
    app: head.app,
    version: 1,
    subject: { type, id: head._id },
    revision: head.revision,
    of: pinText({ id: head._id, revision: head.revision }),
    name: head.content.name,
    slot: type === 'SCHEDULE' ? (head as unknown as ScheduleMore).slot : null,
    hash: head.hash,
    state: 'OPEN',
    guard: 0,
    submissions: [submission._id],
    submittedBy: [submission.submittedBy],
    submittedAt: submission.submittedAt,
    decidedBy: null,
    decidedAt: null,
    comment: null,
    revokedBy: null,
    revokedAt: null,
    revokeReason: null,
    recomposed: [],
  }
}

function reopenedReview(review: Review, { _id: id, submittedBy }: Submission): Review {
  return {
    ...review,
    state: 'OPEN',
    version: review.version + 1,
    submissions: [...review.submissions, id],
    submittedBy: [...new Set([...review.submittedBy, submittedBy])],
  }
}

/**
 * Takes a submission back. Its open reviews leave the queue and their subjects are drafts again, unless another submission
 * needs them too. What is decided stays decided. Returns the id of the submission.
 */
export async function recallSubmission(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(recallInput, given)
  const { id } = await mutate(services, caller, 'recallSubmission', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const submission = await submissions.require(tx, input.submission)
    mutation.authorize(submission.app)
    checkVersion('submission', submission, input.expectedVersion)
    if (submission.recalledAt !== null) throw invalidState('This submission was recalled already')

    const all = await reviews.ofSubmission(tx, submission)
    const subjects = await subjectsOfReviews(tx, all)
    const open = all.filter((review) => statusOf(review, subjects.get(review.subject.id)!.head.revision) === 'OPEN')
    if (open.length === 0) {
      throw invalidState(`Nothing in this submission waits for a decision: ${describeReviews(all, subjects)}`)
    }

    const isNeededElsewhere = (review: Review) => review.submissions.some((other) => other !== submission._id)
    const kept = open.filter(isNeededElsewhere)
    const recalled = await moveSubjects(
      tx,
      open.filter((review) => !isNeededElsewhere(review)),
      'DRAFT',
    )
    await reviews.leave(tx, submission._id, { kept: idsOf(kept), recalled: idsOf(recalled) })
    await submissions.recall(tx, submission._id, { recalledBy: actor, recalledAt: at })

    for (const before of recalled) {
      const subject = subjects.get(before.subject.id)!
      const after: Review = { ...before, state: 'RECALLED', version: before.version + 1 }
      await logReview(mutation, subject, { ...subject.head, reviewState: 'DRAFT' }, { before, after })
    }
    if (!recalled.some(({ subject }) => subject.id === submission.subject.id)) {
      await logRecall(mutation, subjects.get(submission.subject.id)!, submission)
    }
    return submission._id
  })
  return id
}

function idsOf(some: readonly Review[]): string[] {
  return some.map((review) => review._id)
}
