// Taking a submission back, by hand what a newer revision does: what nobody has decided yet leaves the queue and is a
// draft again, unless another submission needs it too. What was decided stays decided.

import { z } from 'zod'
import { invalidState } from '../../common/base/errors.ts'
import { expectedVersion, idempotencyKey, parseInput, reference } from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { logRecall, logReview } from './log.ts'
import { type Review, reviews, submissions } from './repository.ts'
import { describeStates, moveStates, stateOf } from './states.ts'
import { readSubjects } from './subjects.ts'

const recallInput = z.object({ submission: reference, expectedVersion, idempotencyKey })

/** Answers the id of the submission. */
export async function recallSubmission(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(recallInput, given)
  const { id } = await mutate(services, caller, 'recallSubmission', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const submission = await submissions.require(tx, input.submission)
    mutation.authorize(submission.app)
    checkVersion('submission', submission, input.expectedVersion)
    if (submission.recalledAt !== null) throw invalidState('This submission was recalled already')
    const ofIt = await reviews.ofSubmission(tx, submission)
    const things = await readSubjects(tx, ofIt)
    const open = ofIt.filter((review) => stateOf(review, things.get(review.subject.id)!.head.revision) === 'OPEN')
    if (open.length === 0) {
      throw invalidState(`Nothing in this submission waits for a decision: ${describeStates(ofIt, things)}`)
    }
    const neededElsewhere = (review: Review) => review.submissions.some((other) => other !== submission._id)
    const kept = open.filter(neededElsewhere)
    const recalled = await moveStates(
      tx,
      open.filter((review) => !neededElsewhere(review)),
      'DRAFT',
    )
    await reviews.leave(tx, submission._id, { kept: idsOf(kept), recalled: idsOf(recalled) })
    await submissions.recall(tx, submission._id, { recalledBy: actor, recalledAt: at })
    for (const before of recalled) {
      const after: Review = { ...before, state: 'RECALLED', version: before.version + 1 }
      const thing = things.get(before.subject.id)!
      await logReview(mutation, thing, { ...thing.head, reviewState: 'DRAFT' }, { before, after })
    }
    if (!recalled.some(({ subject }) => subject.id === submission.subject.id)) {
      await logRecall(mutation, things.get(submission.subject.id)!, submission)
    }
    return submission._id
  })
  return id
}

function idsOf(some: readonly Review[]): string[] {
  return some.map((review) => review._id)
}
