// Going back to what was live before: one schedule to an earlier revision, or a whole slot to an earlier publication.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Rolling back', (open) => {
  let store: Store
  let flow: Workflow

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const renewed = async (thing: Thing, change: Record<string, unknown>) => {
    await flow.revise(thing, change)
    return flow.approved(thing)
  }
  const rollback = async (slot: { id: string }, to: number) =>
    flow.run('rollbackSlot', 'publisher', { ...(await flow.onSlot(slot.id)), to })
  const refusedRollback = async (slot: { id: string }, to: number) => {
    const before = await everythingIn(store)
    const failed = await flow.failure('rollbackSlot', 'publisher', { ...(await flow.onSlot(slot.id)), to })
    expect(await everythingIn(store)).toBe(before)
    return failed
  }

  describe('publish with a revision', () => {
    test('takes a schedule back to an earlier approved revision, and publish without one forward again', async () => {
      const { slot, schedule } = await flow.makeLive()
      await renewed(schedule, { priority: 7 })
      await flow.publish(schedule)
      await flow.revise(schedule, { priority: 9 }) // a newer draft makes no difference
      const back = await flow.run('publish', 'publisher', await flow.onSchedule(schedule, { revision: 1 }))
      expect(back.entries).toMatchObject([{ schedule: { id: schedule.id, revision: 1 } }])
      expect((await flow.served(slot.code))!.entries).toMatchObject([{ schedule: { revision: 1 }, priority: 0 }])
      await flow.publish(schedule)
      expect((await flow.served(slot.code))!.entries).toMatchObject([{ schedule: { revision: 2 }, priority: 7 }])
    })

    test('refuses a revision that is not approved, revoked, or not there, and changes nothing', async () => {
      const { schedule } = await flow.makeLive()
      await renewed(schedule, { priority: 7 })
      await flow.revise(schedule, { priority: 9 })
      await flow.revoke(schedule, 1)
      const before = await everythingIn(store)
      for (const revision of [1, 3]) {
        const failed = await flow.failure('publish', 'publisher', await flow.onSchedule(schedule, { revision }))
        expect(failed).toMatchObject({ code: 'INVALID_STATE', extensions: { unapproved: [schedule.id] } })
        expect(failed.message).toContain(`revision ${revision}`)
      }
      for (const revision of [0, 4]) {
        const failed = await flow.failure('publish', 'publisher', await flow.onSchedule(schedule, { revision }))
        expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', extensions: { path: 'input.revision' } })
      }
      expect(await everythingIn(store)).toBe(before)
    })
  })

  describe('rollbackSlot', () => {
    test('serves exactly what an earlier publication served, in one publication', async () => {
      const fallback = await flow.approved(await flow.makeCreative())
      const creative = await flow.makeCreative()
      const segment = await flow.makeSegment()
      const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
      const { slot, schedule } = await flow.makeLive({ creatives: [creative], strategy }, { fallback: [fallback.id] })
      const first = await flow.latest(slot.id)
      // Everything changes: contents, settings, and another schedule comes.
      await renewed(creative, { title: 'Anew' })
      await renewed(segment, { name: 'Another name' })
      await renewed(fallback, { title: 'Another fallback' })
      await renewed(schedule, { priority: 7 })
      await flow.publish(schedule)
      const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
      await flow.publish(other)
      const { expectedVersion } = await flow.onSlot(slot.id)
      await flow.run('updateSlot', 'operator', { id: slot.id, expectedVersion, capacity: 5 })
      await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
      const last = await flow.latest(slot.id)
      expect(last).not.toMatchObject({ entries: first.entries })

      const answer = await rollback(slot, first.revision)
      expect(answer).toMatchObject({ rollbackTo: first.revision, leftOut: [], revision: last.revision + 1 })
      const { revision, ...served } = (await flow.served(slot.code))!
      expect(revision).toBe(last.revision + 1)
      expect(served).toEqual({ ...first, revision: undefined })
      expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'LIVE', pinned: { revision: 1 } })
      expect(await flow.head(other)).toMatchObject({ deliveryState: 'WITHDRAWN', pinned: null })
      // And forward again.
      await rollback(slot, last.revision)
      const { revision: _, ...again } = (await flow.served(slot.code))!
      expect(again).toEqual({ ...last, revision: undefined })
    })

    test('writes what it changes of each schedule to the change log, and leaves alone what does not change', async () => {
      const { slot, schedule } = await flow.makeLive()
      const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
      await flow.publish(other)
      const { version } = await flow.head(schedule)
      await rollback(slot, 1)
      expect(await flow.head(schedule)).toMatchObject({ version })
      const changes = await store
        .collection<{ _id: string; mutation: string; subject: { id: string } }>('changes')
        .find({ mutation: 'rollbackSlot', 'subject.id': { $in: [slot.id, schedule.id, other.id] } })
      expect(changes.map(({ subject }) => subject.id).sort()).toEqual([slot.id, other.id].sort())
    })

    test('leaves out and names what was revoked or archived since; what depends on it is left out as well', async () => {
      const [good, bad, old] = [await flow.makeCreative(), await flow.makeCreative(), await flow.makeCreative()]
      const strategy = await flow.makeStrategy()
      const slot = await flow.makeSlot()
      const mixed = await flow.approved(await flow.makeSchedule({ creatives: [good, bad, old], slot: slot.id }))
      const aimed = await flow.approved(await flow.makeSchedule({ strategy, slot: slot.id }))
      for (const schedule of [mixed, aimed]) await flow.publish(schedule)
      const to = (await flow.latest(slot.id)).revision
      for (const schedule of [mixed, aimed]) await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
      await flow.revoke(bad)
      await flow.revoke(strategy)
      const { version: expectedVersion } = await flow.head(old)
      await flow.run('archiveCreative', 'operator', { id: old.id, expectedVersion })

      const { leftOut } = await rollback(slot, to)
      const at = (thing: Thing, schedule: Thing, reason: string) => ({
        pin: { id: thing.id, revision: 1 },
        schedule: { id: schedule.id },
        reason,
      })
      expect(leftOut).toEqual([at(bad, mixed, 'REVOKED'), at(old, mixed, 'ARCHIVED'), at(strategy, aimed, 'REVOKED')])
      expect(pinsIn((await flow.served(slot.code))!)).toEqual([`${mixed.id}@1`, `${good.id}@1`])
      expect(await flow.head(aimed)).toMatchObject({ deliveryState: 'WITHDRAWN' })
    })

    test('keeps what is archived and live in the same place', async () => {
      const creative = await flow.makeCreative()
      const { slot, schedule } = await flow.makeLive({ creatives: [creative] })
      await renewed(schedule, { priority: 7 })
      await flow.publish(schedule)
      const { version: expectedVersion } = await flow.head(creative)
      await flow.run('archiveCreative', 'operator', { id: creative.id, expectedVersion, confirmLive: true })
      expect(await rollback(slot, 1)).toMatchObject({ leftOut: [] })
      expect(pinsIn((await flow.served(slot.code))!)).toEqual([`${schedule.id}@1`, `${creative.id}@1`])
    })

    test('names a creative that does not fit the format of the slot any more', async () => {
      const [plain, linked] = [await flow.makeCreative(), await flow.makeCreative({ link: 'https://example.com/' })]
      const { slot, schedule } = await flow.makeLive({ creatives: [plain, linked] })
      await renewed(schedule, { creatives: [{ creative: linked.id }] })
      await flow.publish(schedule)
      const { expectedVersion } = await flow.onSlot(slot.id)
      const format = { required: ['LINK'] }
      await flow.run('updateSlot', 'operator', { id: slot.id, expectedVersion, format })
      expect((await rollback(slot, 1)).leftOut).toMatchObject([{ pin: { id: plain.id }, reason: 'FORMAT' }])
      expect(pinsIn((await flow.served(slot.code))!)).toEqual([`${schedule.id}@1`, `${linked.id}@1`])
    })

    test('brings nothing new into an archived slot', async () => {
      const { slot, schedule } = await flow.makeLive()
      const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
      await flow.publish(other)
      await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
      const { expectedVersion } = await flow.onSlot(slot.id)
      await flow.run('archiveSlot', 'operator', { id: slot.id, expectedVersion, confirmLive: true })
      const { leftOut } = await rollback(slot, 2)
      expect(leftOut).toMatchObject([{ pin: { id: schedule.id }, reason: 'SLOT_ARCHIVED' }])
      expect((await flow.served(slot.code))!.entries).toMatchObject([{ schedule: { id: other.id } }])
    })

    test('refuses to leave the slot empty when nothing of the publication may be served', async () => {
      const creative = await flow.makeCreative()
      const { slot, schedule } = await flow.makeLive({ creatives: [creative] })
      await renewed(creative, { title: 'Anew' })
      await flow.publish(schedule)
      await flow.revoke(creative, 1)
      const failed = await refusedRollback(slot, 1)
      expect(failed.code).toBe('INVALID_STATE')
      expect(failed.extensions.leftOut).toMatchObject([{ pin: { id: creative.id, revision: 1 }, reason: 'REVOKED' }])
    })

    test('refuses what is no earlier publication of the slot', async () => {
      const { slot } = await flow.makeLive()
      const unpublished = await flow.makeSlot()
      for (const [of, to] of [
        [slot, 0],
        [slot, 1],
        [slot, 2],
        [unpublished, 1],
      ] as const) {
        const failed = await refusedRollback(of, to)
        expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', extensions: { path: 'input.to' } })
      }
    })

    test('keeps a stopped slot stopped, and a paused schedule that was not live then paused', async () => {
      const { slot, schedule } = await flow.makeLive()
      const paused = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
      await flow.publish(paused)
      await flow.run('pause', 'publisher', await flow.onSchedule(paused))
      await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
      await rollback(slot, 1)
      expect(await flow.served(slot.code)).toMatchObject({
        stopped: true,
        entries: [{ schedule: { id: schedule.id } }],
      })
      expect(await flow.head(paused)).toMatchObject({ deliveryState: 'PAUSED' })
    })
  })
})
