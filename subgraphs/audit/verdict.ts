// The reviewer's verdict: approve or reject a submission, or one of its reviews. Each review gets one verdict. An approval
// binds the exact revision and its content hash. Four eyes: the author or submitter of content does not decide on it.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { contentHash } from '../../common/base/content-hash.ts'
import { AlkaidError, badInput, invalidState } from '../../common/base/errors.ts'
import {
  expectedVersion,
  idempotencyKey,
  optional,
  optionalText,
  parseInput,
  reference,
} from '../../common/command/input.ts'
import { type Mutation, mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { type Review, reviews, submissions, type Verdict } from './repository.ts'
import { describeReviews, logReview, moveSubjects } from './review-states.ts'
import { groupByKind, nameOf, pinOf, type Subject, subjectRepositories, subjectsOfReviews } from './subjects.ts'

const verdictInput = z.object({
  submission: optional(reference),
  review: optional(reference),
  expectedVersion,
  comment: optionalText(2_000),
  idempotencyKey,
})

type VerdictInput = z.output<typeof verdictInput>

/** What the input names: a submission with its reviews, or one review (then `submission` is null). */
type Target = { app: string; submission: string | null; reviews: Review[] }

/** Returns the id of the named submission. For a review: the id of the newest submission that needs it. */
export async function approve(services: Services, caller: Caller, given: unknown): Promise<string> {
  return giveVerdict(services, caller, 'approve', parseVerdict(given))
}

/** Like `approve`, but the comment is required. */
export async function reject(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseVerdict(given)
  if (input.comment === null) throw badInput('input.comment', 'must say why it is rejected')
  return giveVerdict(services, caller, 'reject', input)
}

function parseVerdict(given: unknown): VerdictInput {
  const input = parseInput(verdictInput, given)
  if ((input.submission === null) === (input.review === null)) {
    throw badInput('input', 'must name exactly one of `submission` and `review`')
  }
  return input
}

async function giveVerdict(services: Services, caller: Caller, action: 'approve' | 'reject', input: VerdictInput) {
  const { id } = await mutate(services, caller, action, input, async (mutation) => {
    const { tx, actor, at } = mutation
    const target = await findTarget(mutation, input)
    const subjects = await subjectsOfReviews(tx, target.reviews)
    const state = action === 'approve' ? 'APPROVED' : 'REJECTED'
    const verdict: Verdict = { state, decidedBy: actor, decidedAt: at, comment: input.comment }

    const decided = await moveSubjects(tx, target.reviews, state)
    refuseNothingToDecide(target, decided, subjects)
    await checkContent(tx, decided, subjects)
    await checkFourEyes(mutation, target.app, decided, subjects)

    await reviews.decide(
      tx,
      decided.map((review) => review._id),
      verdict,
    )
    await submissions.bump(
      tx,
      decided.flatMap((review) => review.submissions),
    )
    for (const before of decided) {
      const subject = subjects.get(before.subject.id)!
      const headAfter = { ...subject.head, reviewState: state } as const
      const after = { ...before, ...verdict, version: before.version + 1 }
      await logReview(mutation, subject, headAfter, { before, after })
    }
    return target.submission ?? decided[0]!.submissions.at(-1)!
  })
  return id
}

async function findTarget({ tx, authorize }: Mutation, input: VerdictInput): Promise<Target> {
  if (input.submission !== null) {
    const submission = await submissions.require(tx, input.submission)
    authorize(submission.app)
    checkVersion('submission', submission, input.expectedVersion)
    if (submission.recalledAt !== null) {
      throw invalidState('This submission was recalled: it takes no decision. Submit the revision again first')
    }
    const found = await reviews.ofSubmission(tx, submission)
    return { app: submission.app, submission: submission._id, reviews: found }
  }
  const review = await reviews.require(tx, input.review!)
  authorize(review.app)
  checkVersion('review', review, input.expectedVersion)
  return { app: review.app, submission: null, reviews: [review] }
}

function refuseNothingToDecide(
  target: Target,
  decided: readonly Review[],
  subjects: ReadonlyMap<string, Subject>,
): void {
  if (decided.length > 0) return
  const what = target.submission === null ? 'review' : 'submission'
  throw invalidState(`Nothing in this ${what} waits for a decision: ${describeReviews(target.reviews, subjects)}`)
}

/** Checks that the stored content is exactly what was submitted. */
async function checkContent(tx: Tx, decided: readonly Review[], subjects: ReadonlyMap<string, Subject>): Promise<void> {
  for (const [type, ofKind] of groupByKind(decided)) {
    const revisions = await subjectRepositories[type].atPins(tx, ofKind.map(pinOf))
    for (const [index, review] of ofKind.entries()) {
      const stored = revisions[index]
      if (stored?.hash === review.hash && contentHash(stored.content) === review.hash) continue
      const name = nameOf(subjects.get(review.subject.id)!)
      throw invalidState(`Revision ${review.revision} of the ${name} is not what was submitted. Save a new revision`)
    }
  }
}

/**
 * Throws FOUR_EYES that names everything on which the actor must not decide: what they submitted, or wrote any part of since
 * the last approved revision. An app can switch the rule off. No role is exempt.
 */
async function checkFourEyes(
  { tx, actor }: Mutation,
  app: string,
  decided: readonly Review[],
  subjects: ReadonlyMap<string, Subject>,
): Promise<void> {
  const { fourEyes } = await requireApp(tx, app)
  if (!fourEyes) return
  const approved = await reviews.approvedBefore(tx, decided.map(pinOf))
  const own: Review[] = []
  for (const [index, review] of decided.entries()) {
    const { subject, revision, submittedBy } = review
    const lastApproved = approved[index]?.revision ?? 0
    const authors = await subjectRepositories[subject.type].authors(tx, subject.id, lastApproved, revision)
    if (submittedBy.includes(actor) || authors.has(actor)) own.push(review)
  }
  if (own.length === 0) return
  const names = own.map(({ subject }) => nameOf(subjects.get(subject.id)!))
  throw new AlkaidError(
    'FOUR_EYES',
    `${JSON.stringify(actor)} wrote or submitted the ${names.join(', the ')}: somebody else must decide`,
    { subjects: own.map(({ subject }) => subject) },
  )
}
