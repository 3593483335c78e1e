// What is held against a revocation: a slot with a schedule and all that this uses, in the state in which a command finds
// it; and what must hold once the command and the revocation have come to their ends, in whatever order.

import { expect } from '@jest/globals'
import { isExpected } from '../../common/base/errors.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type Publication, pinText } from '../../engine/publication/types.ts'
import { reviews } from '../../subgraphs/audit/repository.ts'
import { compose } from '../../subgraphs/delivery/composition.ts'
import { restartSlot, resume } from '../../subgraphs/delivery/pause.ts'
import { publish } from '../../subgraphs/delivery/publish.ts'
import { publishSlot } from '../../subgraphs/delivery/publish-slot.ts'
import { pins, slotHeads } from '../../subgraphs/delivery/repository.ts'
import { revokeApproval } from '../../subgraphs/delivery/revocation.ts'
import { rollbackSlot } from '../../subgraphs/delivery/rollback.ts'
import { takeDown } from '../../subgraphs/delivery/takedown.ts'
import type { CheckedTrial } from './orders.ts'
import type { Both, Run } from './orders-run.ts'
import { pinsIn, type Thing, type Workflow } from './workflow.ts'

export const COMMANDS = { publish, publishSlot, rollbackSlot, resume, restartSlot } as const
export type CommandName = keyof typeof COMMANDS

export type Case = {
  command: CommandName
  /** Whose approval is taken back. */
  revoked: 'creative' | 'strategy' | 'segment' | 'schedule' | 'fallback'
  /** Whether the schedule was published before; of a slot's own command: whether the slot was; of a rollback: whether it is still pinned. */
  published: boolean
  /** The schedule has a draft that is newer than the revision that counts. */
  newer?: boolean
  /** The other side takes the whole thing down, in place of revoking one approval. */
  takenDown?: boolean
}

/**
 * What makes each end well, and so which of them fail without it:
 * - The guard of the review, where something is pinned for the first time (not `published`): the revocation finds no slot
 *   and shares nothing else.
 * - The slot's head, where the command pins nothing of what is revoked: the revocation composes the slot as well.
 * - Either of the two, where the command pins again what is pinned already.
 * - Neither, where both write the same anyway: `publish` the newest revision of a schedule, which is then rejected (hence
 *   the case with a newer draft), and `resume` a pin that goes, as all do but those of a revoked creative.
 */
export const CASES: readonly Case[] = [
  { command: 'publish', revoked: 'creative', published: false },
  { command: 'publish', revoked: 'strategy', published: false },
  { command: 'publish', revoked: 'segment', published: false },
  { command: 'publish', revoked: 'schedule', published: false },
  { command: 'publish', revoked: 'schedule', published: false, newer: true },
  { command: 'publish', revoked: 'fallback', published: false },
  { command: 'publish', revoked: 'creative', published: true },
  { command: 'publish', revoked: 'schedule', published: true },
  { command: 'publish', revoked: 'creative', published: false, takenDown: true },
  { command: 'publish', revoked: 'schedule', published: false, takenDown: true },
  { command: 'publish', revoked: 'creative', published: true, takenDown: true },
  { command: 'rollbackSlot', revoked: 'creative', published: false, takenDown: true },
  { command: 'publishSlot', revoked: 'fallback', published: false },
  { command: 'publishSlot', revoked: 'fallback', published: true },
  { command: 'publishSlot', revoked: 'creative', published: true },
  { command: 'publishSlot', revoked: 'schedule', published: true },
  { command: 'rollbackSlot', revoked: 'creative', published: false },
  { command: 'rollbackSlot', revoked: 'strategy', published: false },
  { command: 'rollbackSlot', revoked: 'segment', published: false },
  { command: 'rollbackSlot', revoked: 'schedule', published: false },
  { command: 'rollbackSlot', revoked: 'fallback', published: true },
  { command: 'rollbackSlot', revoked: 'creative', published: true },
  { command: 'rollbackSlot', revoked: 'schedule', published: true },
  { command: 'resume', revoked: 'creative', published: true },
  { command: 'resume', revoked: 'strategy', published: true },
  { command: 'resume', revoked: 'segment', published: true },
  { command: 'resume', revoked: 'schedule', published: true },
  { command: 'restartSlot', revoked: 'creative', published: true },
  { command: 'restartSlot', revoked: 'strategy', published: true },
  { command: 'restartSlot', revoked: 'segment', published: true },
  { command: 'restartSlot', revoked: 'schedule', published: true },
  { command: 'restartSlot', revoked: 'fallback', published: true },
]

export function titleOf({ command, revoked, published, newer, takenDown }: Case): string {
  const draft = newer ? ', which has a newer draft' : ''
  const first = published ? '' : ' for the first time'
  return `${command}${first} against ${takenDown ? 'taking down' : 'revoking'} the ${revoked}${draft}`
}

const PUBLISHER: Caller = {
  principal: { actor: 'publisher', roles: { '*': ['publisher'] } },
  requestId: 'test',
}

/**
 * The command (first) and the revocation (second) on things of their own, which are made without a proxy.
 *
 * @param services those of the command and of the revocation.
 */
export async function setScene(flow: Workflow, services: Both<Services>, of: Case): Promise<CheckedTrial> {
  const { slot, things } = await makeThings(flow, of)
  const revoked = things[of.revoked]!
  const revocation = await flow.onReview(revoked, 1)
  const onSchedule = of.command === 'publish' || of.command === 'resume'
  const onThing = onSchedule ? await flow.onSchedule(things.schedule!) : await flow.onSlot(slot.id)
  const input = of.command === 'rollbackSlot' ? { ...onThing, to: 1 } : onThing
  const names = new Map([[slot.id, 'slot']])
  for (const [name, thing] of Object.entries(things)) {
    names.set(thing.id, name).set((await flow.reviewOf(thing, 1))._id, name)
  }
  const expected = { slot, review: `${revocation.review}`, revoked }
  return {
    names,
    operations: {
      first: () => COMMANDS[of.command](services.first, PUBLISHER, input),
      second: () =>
        of.takenDown
          ? takeDown(services.second, PUBLISHER, { ...onTarget(revoked), reason: 'A mistake' })
          : revokeApproval(services.second, PUBLISHER, revocation),
    },
    check: (results) => expectKept(flow, expected, results),
  }
}

const onTarget = ({ type, id }: Thing) => (type === 'CREATIVE' ? { creative: id } : { schedule: id })

type Things = Partial<Record<Case['revoked'], Thing>>

async function makeThings(flow: Workflow, { command, revoked, published, newer }: Case) {
  const things: Things = {}
  if (revoked === 'fallback') things.fallback = await flow.approved(await flow.makeCreative())
  const slot = await flow.makeSlot(things.fallback ? { fallback: [things.fallback.id] } : {})
  if (command === 'publishSlot' && !published) return { slot, things }
  things.creative = await flow.makeCreative()
  if (revoked === 'segment') things.segment = await makeSegment(flow)
  const constraint = things.segment ? { segment: things.segment.id } : null
  if (revoked === 'strategy' || constraint) things.strategy = await flow.makeStrategy({ constraint })
  const strategy = things.strategy ? { strategy: things.strategy } : {}
  const booking = { creatives: [things.creative], ...strategy, slot: slot.id }
  things.schedule = await flow.approved(await flow.makeSchedule(booking))
  if (newer) await flow.revise(things.schedule, { priority: 4 })
  if (published || command === 'rollbackSlot') await flow.publish(things.schedule)
  if (command === 'rollbackSlot') {
    const away = published ? 'pause' : 'withdraw'
    await flow.run(away, 'publisher', await flow.onSchedule(things.schedule))
  }
  if (command === 'resume') await flow.run('pause', 'publisher', await flow.onSchedule(things.schedule))
  if (command === 'restartSlot') await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
  return { slot, things }
}

async function makeSegment({ run, app }: Workflow): Promise<Thing> {
  const constraint = { dimension: 'attributes.plan', operator: 'EQUALS', values: ['pro'] }
  const { id } = await run('createSegment', 'operator', { app, content: { name: 'A segment', constraint } })
  return { type: 'SEGMENT', id }
}

type Expected = { slot: { id: string; code: string }; review: string; revoked: Thing }

async function expectKept(flow: Workflow, { slot, review, revoked }: Expected, { first, second }: Run['results']) {
  const { services, store } = flow
  if (first.status === 'rejected') expect(refusalIn(first.reason)).toMatch(/^(INVALID_STATE|CONFLICT)$/)
  if (second.status === 'rejected') throw second.reason
  const { state, recompose } = await reviews.require(store, review)
  expect([state, recompose]).toEqual(['REVOKED', undefined])
  const served = await flow.served(slot.code)
  if (!(await slotHeads.get(store, slot.id))) return expect(served).toBeNull()

  const latest = await flow.latest(slot.id)
  expect(heldBy(latest)).not.toContain(`${revoked.id}@1`)
  expect(served).toEqual(latest)
  const pinned = await store.transaction((tx) => pins.ofSlot(tx, slot.id))
  for (const { _id, state } of pinned) {
    expect(await flow.head({ type: 'SCHEDULE', id: _id })).toMatchObject({ deliveryState: state })
  }
  // Of a schedule whose creative is revoked there may be others to show; of anything else nothing is left.
  if (revoked.type !== 'CREATIVE') expect(JSON.stringify(pinned)).not.toContain(revoked.id)
  // Composed once more, with nobody else about, it is the same: exactly what is approved of what is pinned.
  const by = { epoch: store.epoch, actor: 'publisher', at: new Date(services.now()) }
  const { body } = await store.transaction((tx) => compose(tx, slot.id, by))
  expect({ ...body, revision: latest.revision }).toEqual(latest)
}

/** Its code; what is not a coded error is thrown. */
function refusalIn(error: unknown): unknown {
  if (!isExpected(error)) throw error
  return error.extensions.code
}

function heldBy(publication: Publication): string[] {
  const segments = publication.entries.flatMap((entry) => entry.segments)
  return [...pinsIn(publication), ...segments.map(pinText)]
}
