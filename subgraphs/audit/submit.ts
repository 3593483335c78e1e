// Sending to the reviewers: the newest revision of a thing, and along with it what it uses and is not yet approved.
// Each submitted revision has exactly one review, which is opened again when it was recalled; a submission groups those
// that it opened and those that it needs.

import { z } from 'zod'
import { invalidState } from '../../common/base/errors.ts'
import { newId } from '../../common/base/ids.ts'
import { expectedVersion, idempotencyKey, optionalText, parseInput, reference } from '../../common/command/input.ts'
import { type Mutation, mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { pinText } from '../../engine/publication/types.ts'
import type { ScheduleMore } from '../schedule/repository.ts'
import { approvedAlike, goesAlong } from './along.ts'
import { logReview } from './log.ts'
import { type Review, reviews, SUBJECT_KINDS, type Submission, submissions } from './repository.ts'
import { nameOf, pinOf, subjectsOf, type Thing } from './subjects.ts'

const submitInput = z.object({
  subject: z.object({
    type: z.enum(SUBJECT_KINDS, 'must be SCHEDULE, CREATIVE, STRATEGY or SEGMENT: nothing else is reviewed'),
    id: reference,
  }),
  expectedVersion,
  note: optionalText(2_000),
  idempotencyKey,
})

/** A thing that is submitted, and its review before and after that. */
type Opened = { thing: Thing; before: Review | null; after: Review }

/** Answers the id of the submission. */
export async function submitForReview(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(submitInput, given)
  const { id } = await mutate(services, caller, 'submitForReview', input, async (mutation) => {
    const { tx, at, actor } = mutation
    const { type, id: subjectId } = input.subject
    const head = await subjectsOf[type].require(tx, subjectId)
    mutation.authorize(head.app)
    checkVersion(type.toLowerCase(), head, input.expectedVersion)
    refuseArchived(type.toLowerCase(), head, 'be submitted')
    const subject: Thing = { type, head }
    if (head.reviewState !== 'DRAFT') {
      throw invalidState(
        `The newest revision of the ${nameOf(subject)} is ${head.reviewState}: only a DRAFT is submitted` +
          (head.reviewState === 'REJECTED' ? '. Revise it; saving the same again asks the reviewers once more' : ''),
      )
    }
    const alike = (await approvedAlike(tx, [subject])).get(head._id)
    if (alike !== undefined) {
      throw invalidState(
        `The newest revision of the ${nameOf(subject)} is the same as revision ${alike}, which is approved: there is nothing to ` +
          'review. It can be published as it is; what it uses can be submitted by itself',
      )
    }
    const { drafts, open } = await goesAlong(tx, subject)
    const submission = newSubmission(subject, { actor, at, note: input.note })
    const opened = await openAll(mutation, [subject, ...drafts], submission)
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

/** A review of each thing, in their order: a new one, or the one that was recalled. */
async function openAll({ tx, actor }: Mutation, things: readonly Thing[], submission: Submission): Promise<Opened[]> {
  const recalled = await reviews.at(
    tx,
    things.map(({ head }) => ({ id: head._id, revision: head.revision })),
  )
  const opened = things.map((thing, index): Opened => {
    const before = recalled[index] ?? null
    return { thing, before, after: before ? reopened(before, submission) : newReview(thing, submission) }
  })
  await reviews.supersede(
    tx,
    things.map(({ head }) => head._id),
  )
  await reviews.insert(
    tx,
    opened.filter(({ before }) => before === null).map(({ after }) => after),
  )
  const again = opened.flatMap(({ before }) => (before ? [before._id] : []))
  await reviews.reopen(tx, again, submission._id, actor)
  return opened
}

/** The subject is what the mutation is of, so its version rises; the versions of what goes along stay. */
async function moveToReview(mutation: Mutation, [first, ...along]: readonly Opened[]): Promise<void> {
  const { tx, at } = mutation
  const { thing: subject, ...review } = first!
  const after = await subjectsOf[subject.type].touch(tx, subject.head, { reviewState: 'IN_REVIEW' }, at)
  await logReview(mutation, subject, after, review)
  for (const { thing, ...review } of along) {
    await subjectsOf[thing.type].transition(tx, pinOf(review.after), 'IN_REVIEW')
    await logReview(mutation, thing, { ...thing.head, reviewState: 'IN_REVIEW' }, review)
  }
}

function newSubmission({ type, head }: Thing, by: { actor: string; at: Date; note: string | null }): Submission {
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

function newReview({ type, head }: Thing, submission: Submission): Review {
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

function reopened(review: Review, { _id: id, submittedBy }: Submission): Review {
  return {
    ...review,
    state: 'OPEN',
    version: review.version + 1,
    submissions: [...review.submissions, id],
    submittedBy: [...new Set([...review.submittedBy, submittedBy])],
  }
}
