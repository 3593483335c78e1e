// Sending to the reviewers: the newest revision of a thing, and with a schedule what it uses and is not yet approved.
// Each submitted revision has exactly one review; a submission groups those that it opened and those that it needs.

import { z } from 'zod'
import { newId } from '../../common/ids.ts'
import { expectedVersion, idempotencyKey, optionalText, parseInput, reference } from '../../common/input.ts'
import { type Mutation, mutate } from '../../common/mutate.ts'
import type { Caller, Services } from '../../common/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import type { ScheduleContent } from '../schedule/repository.ts'
import { logReview } from './log.ts'
import { type Review, reviews, SUBJECT_KINDS, type SubjectKind, type Submission, submissions } from './repository.ts'
import { invalidState, nameOf, pinOf, readThings, subjectsOf, type Thing } from './subjects.ts'

const submitInput = z.object({
  subject: z.object({
    type: z.enum(SUBJECT_KINDS, 'must be SCHEDULE, CREATIVE or STRATEGY: nothing else is reviewed'),
    id: reference,
  }),
  expectedVersion,
  note: optionalText(2_000),
  idempotencyKey,
})

/** What goes along with a submission: things that need a review, and reviews that are open already. */
type Along = { drafts: Thing[]; open: Review[] }

/** Answers the id of the submission. */
export async function submitForReview(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(submitInput, given)
  const { id } = await mutate(services, caller, 'submitForReview', input, async (mutation) => {
    const { tx, at, actor } = mutation
    const { type, id: subjectId } = input.subject
    const head = await subjectsOf[type].require(tx, subjectId)
    mutation.authorize(head.app)
    checkVersion(type.toLowerCase(), head, input.expectedVersion)
    const subject: Thing = { type, head }
    if (head.reviewState !== 'DRAFT') {
      throw invalidState(
        `The newest revision of the ${nameOf(subject)} is ${head.reviewState}: only a DRAFT is submitted`,
      )
    }
    const { drafts, open } = await goesAlong(tx, subject)
    const submission = newSubmission(subject, { actor, at, note: input.note })
    const opened = [subject, ...drafts].map((thing) => newReview(thing, submission))
    submission.reviews = [...opened, ...open].map((review) => review._id)
    await reviews.supersede(
      tx,
      opened.map((review) => review.subject.id),
    )
    await reviews.insert(tx, opened)
    await reviews.join(
      tx,
      open.map((review) => review._id),
      submission._id,
      actor,
    )
    await submissions.insert(tx, submission)
    await moveToReview(mutation, subject, drafts, opened)
    return submission._id
  })
  return id
}

/** The subject is what the mutation is of, so its version rises; the versions of what goes along stay. */
async function moveToReview(mutation: Mutation, subject: Thing, drafts: readonly Thing[], opened: readonly Review[]) {
  const { tx, at } = mutation
  const [first, ...along] = opened
  const after = await subjectsOf[subject.type].touch(tx, subject.head, { reviewState: 'IN_REVIEW' }, at)
  await logReview(mutation, subject, after, { before: null, after: first! })
  for (const [index, draft] of drafts.entries()) {
    await subjectsOf[draft.type].transition(tx, pinOf(along[index]!), 'IN_REVIEW')
    await logReview(
      mutation,
      draft,
      { ...draft.head, reviewState: 'IN_REVIEW' },
      { before: null, after: along[index]! },
    )
  }
}

async function goesAlong(tx: Tx, subject: Thing): Promise<Along> {
  if (subject.type !== 'SCHEDULE') return { drafts: [], open: [] }
  const { creatives, strategy } = subject.head.content as ScheduleContent
  const used = [
    ...(await readThings(
      tx,
      'CREATIVE',
      creatives.map(({ creative }) => creative),
    )),
    ...(await readThings(tx, 'STRATEGY', strategy === null ? [] : [strategy])),
  ]
  const inState = (state: Thing['head']['reviewState']) => used.filter(({ head }) => head.reviewState === state)
  await refuseRejected(tx, inState('REJECTED'))
  const waiting = inState('IN_REVIEW').map(({ head }) => ({ id: head._id, revision: head.revision }))
  const open = (await reviews.at(tx, waiting)).map((review, index) => {
    if (!review) throw new Error(`${JSON.stringify(waiting[index])} is IN_REVIEW without a review`)
    return review
  })
  return { drafts: inState('DRAFT'), open }
}

/** What was rejected can still be used at an earlier revision that is approved: that one will be published. */
async function refuseRejected(tx: Tx, rejected: readonly Thing[]): Promise<void> {
  const approved = await reviews.approvedOf(
    tx,
    rejected.map(({ head }) => head._id),
  )
  const lacking = rejected.filter(({ head }) => approved.get(head._id)!.length === 0)
  if (lacking.length === 0) return
  throw invalidState(
    `Rejected, and no earlier revision is approved: ${lacking.map(nameOf).join(', ')}. Revise what was rejected first`,
  )
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
  }
}

function newReview({ type, head }: { type: SubjectKind; head: Thing['head'] }, submission: Submission): Review {
  return {
    _id: newId('review', submission.submittedAt.getTime()),
    app: head.app,
    version: 1,
    subject: { type, id: head._id },
    revision: head.revision,
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
