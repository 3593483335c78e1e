// Deciding: approve and reject, of a submission or of one of its reviews, each review once. An approval binds the exact
// revision and its content hash, and nobody decides on what they wrote or submitted.

import { z } from 'zod'
import { contentHash } from '../../common/base/content-hash.ts'
import { badInput, invalidState } from '../../common/base/errors.ts'
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
import { checkVersion } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { checkFourEyes } from './four-eyes.ts'
import { logReview } from './log.ts'
import { type Decision, type Review, reviews, submissions } from './repository.ts'
import { describeStates, moveStates } from './states.ts'
import { byKind, nameOf, pinOf, readSubjects, subjectsOf, type Thing } from './subjects.ts'

const decideInput = z.object({
  submission: optional(reference),
  review: optional(reference),
  expectedVersion,
  comment: optionalText(2_000),
  idempotencyKey,
})

type DecideInput = z.output<typeof decideInput>

/** What is decided on: reviews, and the submission that was named, if one was. */
type Target = { called: string; app: string; submission: string | null; reviews: Review[] }

/** Answers the id of a submission: the one that was named, or the newest that needs the review. */
export async function approve(services: Services, caller: Caller, given: unknown): Promise<string> {
  return decide(services, caller, 'approve', parseDecision(given))
}

/** The same as `approve`; the comment is required. */
export async function reject(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseDecision(given)
  if (input.comment === null) throw badInput('input.comment', 'must say why it is rejected')
  return decide(services, caller, 'reject', input)
}

function parseDecision(given: unknown): DecideInput {
  const input = parseInput(decideInput, given)
  if ((input.submission === null) === (input.review === null)) {
    throw badInput('input', 'must name exactly one of `submission` and `review`')
  }
  return input
}

async function decide(services: Services, caller: Caller, action: 'approve' | 'reject', input: DecideInput) {
  const { id } = await mutate(services, caller, action, input, async (mutation) => {
    const { tx, actor: decidedBy, at: decidedAt } = mutation
    const target = await findTarget(mutation, input)
    const decision: Decision = {
      state: action === 'approve' ? 'APPROVED' : 'REJECTED',
      decidedBy,
      decidedAt,
      comment: input.comment,
    }
    const things = await readSubjects(tx, target.reviews)
    const decided = await moveStates(tx, target.reviews, decision.state)
    if (decided.length === 0) {
      throw invalidState(
        `Nothing in this ${target.called} waits for a decision: ${describeStates(target.reviews, things)}`,
      )
    }
    await checkContent(tx, decided, things)
    await checkFourEyes(mutation, target.app, decided, things)
    await reviews.decide(
      tx,
      decided.map((review) => review._id),
      decision,
    )
    await submissions.bump(
      tx,
      decided.flatMap((review) => review.submissions),
    )
    for (const before of decided) {
      const thing = things.get(before.subject.id)!
      const head = { ...thing.head, reviewState: decision.state }
      await logReview(mutation, thing, head, { before, after: { ...before, ...decision, version: before.version + 1 } })
    }
    return target.submission ?? decided[0]!.submissions.at(-1)!
  })
  return id
}

async function findTarget({ tx, authorize }: Mutation, input: DecideInput): Promise<Target> {
  if (input.submission !== null) {
    const submission = await submissions.require(tx, input.submission)
    authorize(submission.app)
    checkVersion('submission', submission, input.expectedVersion)
    if (submission.recalledAt !== null) throw invalidState('This submission was recalled: it takes no decision')
    const ofIt = await reviews.ofSubmission(tx, submission)
    return { called: 'submission', app: submission.app, submission: submission._id, reviews: ofIt }
  }
  const review = await reviews.require(tx, input.review!)
  authorize(review.app)
  checkVersion('review', review, input.expectedVersion)
  return { called: 'review', app: review.app, submission: null, reviews: [review] }
}

/** What was reviewed is what is stored, to the last character. */
async function checkContent(tx: Tx, decided: readonly Review[], things: ReadonlyMap<string, Thing>): Promise<void> {
  for (const [type, ofKind] of byKind(decided)) {
    const revisions = await subjectsOf[type].atPins(tx, ofKind.map(pinOf))
    for (const [index, review] of ofKind.entries()) {
      const stored = revisions[index]
      if (stored?.hash === review.hash && contentHash(stored.content) === review.hash) continue
      const thing = things.get(review.subject.id)!
      throw invalidState(`Revision ${review.revision} of the ${nameOf(thing)} is not what was submitted: revise it`)
    }
  }
}
