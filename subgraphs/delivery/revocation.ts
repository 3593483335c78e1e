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
import { type Review, type RevokedApproval, reviews } from '../audit/repository.ts'
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
    await markReview(mutation, review, { revokedBy: actor, revokedAt: at, revokeReason: input.reason })
    return review._id
  })
  return id
}

/** Marks one approval as revoked, and its slots as not composed yet. Everything is in the transaction of the mutation. */
export async function markReview(mutation: Mutation, review: Review, revoked: RevokedApproval): Promise<void> {
  await rejectHead(mutation, review, await reviews.revoke(mutation.tx, review._id, revoked))
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
 * The second half: composes every slot that has one of the revisions pinned, each slot once. It looks for them after the mark, when no new
 * pin can be made, so it finds all of them. Two processes may run this at once: each slot is composed only once for each revision.
 */
export async function finishRevocations(
  services: Services,
  reviewIds: readonly string[],
  requestId: string | null,
): Promise<void> {
  const { store } = services
  // In a transaction: outside of one, the connection's settings may let a lagging secondary answer.
  const { open, slots } = await store.transaction((tx) => slotsToCompose(tx, reviewIds))
  const failures: unknown[] = []
  await forEachIsolated(
    [...slots],
    async ([slot, ids]) => {
      const made = await store.transaction((tx) => recomposeSlot(tx, services, ids, slot, requestId))
      if (made) await send(services, made)
    },
    (_slot, error) => failures.push(error),
  )
  if (failures.length > 0) throw failures[0] // reconciliation tries those slots again
  for (const id of open) await reviews.endRecomposition(store, id)
}

/** The second half for one review. */
export function finishRevocation(services: Services, reviewId: string, requestId: string | null): Promise<void> {
  return finishRevocations(services, [reviewId], requestId)
}

/** `open`: the reviews whose slots are not all composed. `slots`: slot -> those of them that concern it. */
async function slotsToCompose(
  tx: Tx,
  reviewIds: readonly string[],
): Promise<{ open: string[]; slots: Map<string, string[]> }> {
  const open: string[] = []
  const slots = new Map<string, string[]>()
  for (const review of await reviews.byIds(tx, reviewIds)) {
    if (!review?.recompose) continue
    open.push(review._id)
    for (const slot of await slotsThatPin(tx, revisionOf(review))) {
      slots.set(slot, [...(slots.get(slot) ?? []), review._id])
    }
  }
  return { open, slots }
}

async function recomposeSlot(
  tx: Tx,
  { store, now }: Services,
  reviewIds: readonly string[],
  slot: string,
  requestId: string | null,
): Promise<PublicationRow | undefined> {
  const found = await reviews.byIds(tx, reviewIds)
  const todo = found.filter((one) => one?.recompose && !one.recomposed.some((done) => done.slot === slot)) as Review[]
  const [first] = todo
  if (!first) return undefined
  const actor = first.revokedBy!
  const at = new Date(now())
  const mutation = first.takedown === undefined ? 'revokeApproval' : 'takeDown'
  const by = { app: first.app, at, actor, mutation, requestId }
  for (const review of todo) await withdrawRevoked(tx, review, slot, by)
  const made = await compose(tx, slot, { epoch: store.epoch, actor, at })
  for (const review of todo) await reviews.addRecomposed(tx, review._id, slot, made._id)
  const { _id: publication, revision } = made
  const [without, ...others] = todo.map(({ subject, revision }) => ({ id: subject.id, revision }))
  const after = { publication, revision, without, ...(others.length > 0 && { others }) }
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
