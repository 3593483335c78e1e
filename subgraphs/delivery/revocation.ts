// Taking back an approval. The mark is committed first: from then on nobody can pin the revision (who is about to
// collides on the review's guard) and whatever composes a slot leaves it out. Then every slot that has it pinned is
// composed anew, one transaction each. What a crash leaves undone, reconciliation finishes.

import { z } from 'zod'
import { invalidState } from '../../common/base/errors.ts'
import { expectedVersion, idempotencyKey, parseInput, reference, text } from '../../common/command/input.ts'
import { type Mutation, mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { recordChange } from '../../common/store/changes.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion, type Head } from '../../common/store/revisioned.ts'
import { type Review, reviews } from '../audit/repository.ts'
import { creatives } from '../creative/repository.ts'
import { schedules } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import { compose } from './composition.ts'
import { send } from './distribution.ts'
import { forEachIsolated } from './failure-isolation.ts'
import { type PublicationRow, pins, type RevisionOf, shownPin, slotsThatPin } from './repository.ts'

const revokeInput = z.object({ review: reference, expectedVersion, reason: text(2_000), idempotencyKey })

type HeadOf = {
  require(tx: Tx, id: string): Promise<Head<unknown>>
  transition: typeof schedules.transition
}

const repositories: Record<Review['subject']['type'], HeadOf> = {
  SCHEDULE: schedules,
  CREATIVE: creatives,
  STRATEGY: strategies,
  SEGMENT: segments,
}

/** Answers the id of the review, once no slot serves the revision any more. */
export async function revokeApproval(services: Services, caller: Caller, given: unknown): Promise<string> {
  const id = await markRevoked(services, caller, given)
  await finishRevocation(services, id, caller.requestId)
  return id
}

/** The first half: the approval is gone, and slots that may still serve the revision are to be composed. */
export async function markRevoked(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(revokeInput, given)
  const { id } = await mutate(services, caller, 'revokeApproval', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const review = await reviews.require(tx, input.review)
    mutation.authorize(review.app)
    checkVersion('review', review, input.expectedVersion)
    if (review.state !== 'APPROVED') {
      const message = `The review ${JSON.stringify(review._id)} is ${review.state}: only an approval can be taken back`
      throw invalidState(message)
    }
    const revoked = { revokedBy: actor, revokedAt: at, revokeReason: input.reason }
    await rejectHead(mutation, review, await reviews.revoke(tx, review._id, revoked))
    return review._id
  })
  return id
}

/** The thing itself is rejected, unless it has a newer revision, which has a state of its own. */
async function rejectHead({ tx, log }: Mutation, before: Review, after: Review): Promise<void> {
  const { subject, revision, app } = before
  const repository = repositories[subject.type]
  const head = await repository.require(tx, subject.id)
  const newest = await repository.transition(tx, { id: subject.id, revision }, 'REJECTED')
  const headAfter = newest ? { ...head, reviewState: 'REJECTED' } : head
  const shown = ({ _id: id, state, revokeReason }: Review) => ({ id, revision, state, revokeReason })
  await log(app, subject, { ...head, review: shown(before) }, { ...headAfter, review: shown(after) })
}

/**
 * The second half: composes every slot that has the revision pinned, each once, whoever else is at it. No pin of it can
 * be made after the mark, so the slots that are found after the mark are all.
 */
export async function finishRevocation(services: Services, reviewId: string, requestId: string | null): Promise<void> {
  const { store } = services
  // In a transaction, for outside of one a setting of the connection may have a lagging secondary answer.
  const { review, slots } = await store.transaction((tx) => slotsToCompose(tx, reviewId))
  const failures: unknown[] = []
  await forEachIsolated(
    slots,
    async (slot) => {
      const made = await store.transaction((tx) => recomposeSlot(tx, services, review, slot, requestId))
      if (made) await send(services, made)
    },
    (_slot, error) => failures.push(error),
  )
  if (failures.length > 0) throw failures[0] // reconciliation tries those slots again
  if (review.recompose) await reviews.endRecomposition(store, reviewId)
}

async function slotsToCompose(tx: Tx, reviewId: string): Promise<{ review: Review; slots: string[] }> {
  const review = await reviews.require(tx, reviewId)
  return { review, slots: review.recompose ? await slotsThatPin(tx, revisionOf(review)) : [] }
}

async function recomposeSlot(
  tx: Tx,
  { store, now }: Services,
  { _id: reviewId }: Review,
  slot: string,
  requestId: string | null,
): Promise<PublicationRow | undefined> {
  const review = await reviews.require(tx, reviewId)
  if (!review.recompose || review.recomposed.some((done) => done.slot === slot)) return undefined
  const actor = review.revokedBy!
  const at = new Date(now())
  const by = { app: review.app, at, actor, mutation: 'revokeApproval', requestId }
  await withdrawRevoked(tx, review, slot, by)
  const made = await compose(tx, slot, { epoch: store.epoch, actor, at })
  await reviews.addRecomposed(tx, reviewId, slot, made._id)
  const { _id: publication, revision } = made
  const after = { publication, revision, without: { id: review.subject.id, revision: review.revision } }
  await recordChange(tx, { ...by, subject: { type: 'SLOT', id: slot }, before: { revision: revision - 1 }, after })
  return made
}

function revisionOf({ subject: { type: kind, id }, revision }: Review): RevisionOf {
  return { kind, pin: { id, revision } }
}

type By = Pick<Parameters<typeof recordChange>[1], 'app' | 'at' | 'actor' | 'mutation' | 'requestId'>

/**
 * A schedule whose own revision, or whose strategy's or segment's, is revoked is withdrawn: nothing of it is left to serve, and only
 * `publish` brings it back. One whose creatives are revoked stays, for it may have others.
 */
async function withdrawRevoked(tx: Tx, review: Review, slot: string, by: By): Promise<void> {
  if (review.subject.type === 'CREATIVE') return
  // Meanwhile another approved revision may have been published: a pin of that one stays.
  for (const pin of await pins.ofSlot(tx, slot, revisionOf(review))) {
    const head = await schedules.require(tx, pin._id)
    await pins.remove(tx, pin._id)
    await schedules.setMore(tx, pin._id, shownPin(null))
    const after = { ...head, ...shownPin(null), pin: null }
    await recordChange(tx, { ...by, subject: { type: 'SCHEDULE', id: pin._id }, before: { ...head, pin }, after })
  }
}
