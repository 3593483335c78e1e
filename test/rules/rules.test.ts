// The rules of the design, one test or more for each: taken out, its test fails. 5 and 6 are held on every mutation by
// rules-every-mutation, 2, 8, 9 and 10 by rules-served and by delivery's own suites (2 in delivery-publish and
// delivery-pause, 9 in delivery-formats, 10 in delivery-stop), 3 by delivery-revoke and delivery-segments, 7 by
// rules-interleavings, rules-orders and rules-model.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('The rules of reviewing and publishing', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  describe('1. An approval binds an exact revision', () => {
    test('a draft that is edited after the approval is not what goes live', async () => {
      const slot = await flow.makeSlot()
      const creative = await flow.makeCreative({ title: 'Approved' })
      const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id }))
      await flow.revise(creative, { title: 'Never seen by a reviewer' })
      await flow.revise(schedule, { priority: 1000 })
      await flow.publish(schedule)
      expect(await flow.served(slot.code)).toMatchObject({
        entries: [{ schedule: { revision: 1 }, priority: 0, creatives: [{ revision: 1, title: 'Approved' }] }],
      })
    })

    test('content that was changed behind the back of an approval is left out', async () => {
      const slot = await flow.makeSlot()
      const creative = await flow.makeCreative()
      const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id }))
      const rows = store.collection<{ _id: string }>('creativeRevisions')
      await rows.updateOne({ _id: `${creative.id}@1` }, { $set: { 'content.title': 'Smuggled' } } as never)
      await flow.publish(schedule)
      expect(await flow.served(slot.code)).toMatchObject({ entries: [] })
    })

    test('a revision written while the one before is in review supersedes that review', async () => {
      const creative = await flow.makeCreative()
      const schedule = await flow.makeSchedule({ creatives: [creative] })
      const id = await flow.submit(schedule)
      await flow.revise(creative, { title: 'Anew' })
      const { _id: review, version } = await flow.reviewOf(creative, 1)
      const refused = await flow.failure('approve', 'reviewer', { review, expectedVersion: version })
      expect(refused).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('SUPERSEDED') })
      const { reviews } = await flow.run('approve', 'reviewer', await flow.onAll(id))
      expect(reviews.map(({ state }: { state: string }) => state)).toEqual(['APPROVED', 'SUPERSEDED'])
      expect(await flow.head(creative)).toMatchObject({ revision: 2, reviewState: 'DRAFT' })
      await flow.submit(creative)
      expect(await flow.reviewOf(creative, 1)).toMatchObject({ state: 'SUPERSEDED' })
      expect(await flow.reviewOf(creative, 2)).toMatchObject({ state: 'OPEN' })
    })

    test('a rejected revision is not published', async () => {
      const schedule = await flow.makeSchedule()
      await flow.run('reject', 'reviewer', await flow.onAll(await flow.submit(schedule), { comment: 'No' }))
      expect(await flow.failure('publish', 'publisher', await flow.onSchedule(schedule))).toMatchObject({
        code: 'INVALID_STATE',
      })
    })
  })

  describe('4. Four eyes', () => {
    const decide = async (id: string, actor: string, flowOf = flow) =>
      flowOf.failure('approve', actor, await flowOf.onAll(id))

    test('nobody decides on what they wrote, neither as a reviewer nor as an admin', async () => {
      for (const actor of ['admin', 'admin-author']) {
        const creative = await flow.makeCreative({ name: 'Mine' }, actor)
        const id = await flow.submit(creative)
        const refused = await decide(id, actor)
        expect(refused).toMatchObject({ code: 'FOUR_EYES', extensions: { subjects: [{ id: creative.id }] } })
        expect(refused.message).toContain(`creative "Mine" (${creative.id})`)
        const input = await flow.onAll(id, { comment: 'No' })
        expect(await flow.failure('reject', actor, input)).toMatchObject({ code: 'FOUR_EYES' })
        expect(await flow.head(creative)).toMatchObject({ reviewState: 'IN_REVIEW' })
        await flow.approve(id)
      }
    })

    test('nobody decides on what they submitted, or on a review that their submission joined', async () => {
      const creative = await flow.makeCreative()
      const first = await flow.submit(creative, 'admin')
      expect(await decide(first, 'admin')).toMatchObject({ code: 'FOUR_EYES' })
      await flow.submit(await flow.makeSchedule({ creatives: [creative] }), 'admin-2')
      expect(await decide(first, 'admin-2')).toMatchObject({ code: 'FOUR_EYES' })
    })

    test('who contributed to an earlier revision that nobody approved may not decide on the next one', async () => {
      const creative = await flow.makeCreative({}, 'admin')
      await flow.revise(creative, { title: 'By another' }, 'operator-2')
      expect(await decide(await flow.submit(creative), 'admin')).toMatchObject({ code: 'FOUR_EYES' })
    })

    test('what was approved since is no longer theirs, until that approval is taken back', async () => {
      const creative = await flow.makeCreative({}, 'admin')
      await flow.approved(creative)
      await flow.revise(creative, { title: 'Second' })
      await flow.approve(await flow.submit(creative), 'admin')
      await flow.revise(creative, { title: 'Third' })
      const id = await flow.submit(creative)
      for (const revision of [2, 1]) await flow.revoke(creative, revision)
      expect(await decide(id, 'admin')).toMatchObject({ code: 'FOUR_EYES' })
    })

    test('a copy is the work of whoever wrote what it is a copy of, copies of copies too, until it is approved', async () => {
      const copy = async (original: Thing): Promise<Thing> => {
        const input = { id: original.id, expectedVersion: (await flow.head(original)).version }
        return { type: 'SCHEDULE', id: (await flow.run('duplicateSchedule', 'operator-2', input)).id }
      }
      const creative = await flow.approved(await flow.makeCreative())
      const original = await flow.makeSchedule({ creatives: [creative], actor: 'admin' })
      await flow.revise(original, { priority: 2 })
      for (const made of [await copy(original), await copy(await copy(original))]) {
        const id = await flow.submit(made)
        expect(await decide(id, 'admin')).toMatchObject({ code: 'FOUR_EYES' })
        await flow.approve(id)
        await flow.revise(made, { priority: 3 })
        await flow.approve(await flow.submit(made), 'admin')
      }
    })

    test('one thing in a submission is enough to refuse all of it', async () => {
      const creative = await flow.makeCreative({}, 'admin')
      const schedule = await flow.makeSchedule({ creatives: [creative] })
      const id = await flow.submit(schedule)
      const before = await everythingIn(store)
      const { code, extensions } = await decide(id, 'admin')
      expect([code, extensions.subjects]).toEqual(['FOUR_EYES', [{ type: 'CREATIVE', id: creative.id }]])
      expect((await everythingIn(store)) === before).toBe(true)
    })

    test('an app can relax it', async () => {
      const app = flow.freshCode()
      await flow.run('createApp', 'operator', { code: app, name: 'Relaxed', fourEyes: false })
      const content = { name: 'Mine', title: 'Mine' }
      const { id } = await flow.run('createCreative', 'admin', { app, content })
      const submission = await flow.submit({ type: 'CREATIVE', id }, 'admin')
      await flow.approve(submission, 'admin')
      expect(await flow.head({ type: 'CREATIVE', id })).toMatchObject({ reviewState: 'APPROVED' })
    })
  })

  describe('6. No change without its entry in the change log', () => {
    const changesOf = (id: string) =>
      store.collection<Change>('changes').find({ 'subject.id': id } as never, { sort: { _id: -1 } })

    test('a submission leaves one for each thing that is now in review, a revocation for each that it takes off', async () => {
      const slot = await flow.makeSlot()
      const [creative, strategy] = [await flow.makeCreative(), await flow.makeStrategy()]
      const schedule = await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id })
      await flow.approved(schedule)
      for (const { id } of [creative, strategy, schedule]) {
        const names = (await changesOf(id)).map((change) => change.mutation)
        expect(names.slice(0, 2)).toEqual(['approve', 'submitForReview'])
      }
      await flow.publish(schedule)
      await flow.revoke(schedule)
      expect((await changesOf(slot.id))[0]).toMatchObject({ mutation: 'revokeApproval', after: { revision: 2 } })
      const [withdrawn, rejected] = await changesOf(schedule.id)
      expect(withdrawn).toMatchObject({
        before: { deliveryState: 'LIVE' },
        after: { deliveryState: 'WITHDRAWN', pin: null },
      })
      expect(rejected).toMatchObject({ after: { reviewState: 'REJECTED', review: { state: 'REVOKED' } } })
    })
  })
})
