// Revoking an approval, in two halves.
// 1. The review is marked REVOKED and committed. After that nobody can pin the revision (a command that is pinning it collides
//    on the review's guard), and every composition leaves it out.
// 2. Every slot that has it pinned is composed again, each in its own transaction. After a crash, reconciliation goes on here.

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

/** Revokes an approval. Returns the id of the review when no slot serves the revision any more. */
export async function revokeApproval(services: Services, caller: Caller, given: unknown): Promise<string> {
  const id = await markRevoked(services, caller, given)
  await finishRevocation(services, id, caller.requestId)
  return id
}

/** The first half: marks the review as revoked, and its slots as not composed yet. Returns the id of the review. */
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

/** Rejects the thing itself, unless it has a newer revision: that one has its own review state. */
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
 * The second half: composes every slot that has the revision pinned. It looks for them after the mark, when no new pin can be
 * made, so it finds all of them. Two processes may run this at once: each slot is composed only once.
 */
export async function finishRevocation(services: Services, reviewId: string, requestId: string | null): Promise<void> {
  const { store } = services
  // In a transaction: outside of one, the connection's settings may let a lagging secondary answer.
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

type ChangeMadeBy = Pick<Parameters<typeof recordChange>[1], 'app' | 'at' | 'actor' | 'mutation' | 'requestId'>

/**
 * Withdraws the schedules whose own revision, strategy or segment is revoked: nothing of them is left to serve, and only `publish`
 * brings them back. A schedule with a revoked creative stays, because it may have other creatives.
 */
async function withdrawRevoked(tx: Tx, review: Review, slot: string, by: ChangeMadeBy): Promise<void> {
  if (review.subject.type === 'CREATIVE') return
  // Only pins of this revision. Meanwhile another approved revision may have been published.
  for (const pin of await pins.ofSlot(tx, slot, revisionOf(review))) {
    const head = await schedules.require(tx, pin._id)
    await pins.remove(tx, pin._id)
    await schedules.setMore(tx, pin._id, shownPin(null))
    const after = { ...head, ...shownPin(null), pin: null }
    await recordChange(tx, { ...by, subject: { type: 'SCHEDULE', id: pin._id }, before: { ...head, pin }, after })
  }
}
