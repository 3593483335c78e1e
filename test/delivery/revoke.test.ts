import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { markRevoked } from '../../subgraphs/delivery/revocation.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Revoking an approval', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  /** What delivery says is pinned of a schedule and not served. */
  async function unapproved({ id }: Thing) {
    const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Schedule { delivery { unapproved { id revision } } } } }`
    const representations = [{ __typename: 'Schedule', id }]
    const [entity] = await flow.subgraphs.delivery.must('viewer', query, { representations })
    return entity.delivery.unapproved
  }

  /** The first half of a revocation only, as a crash would leave it. */
  async function markOnly(thing: Thing, more: Record<string, unknown> = {}) {
    const principal = { actor: 'publisher', roles: { '*': ['publisher' as const] } }
    const input = await flow.onReview(thing, undefined, more)
    await markRevoked(flow.services, { principal, requestId: 'test' }, input)
    return input
  }

  test('a revoked creative leaves every entry; an entry with other creatives stays, one without any is left out', async () => {
    const [bad, good] = [await flow.makeCreative(), await flow.makeCreative()]
    const alone = await flow.makeLive({ creatives: [bad] })
    const mixed = await flow.makeLive({ creatives: [bad, good] })
    const { publications } = await flow.revoke(bad)
    expect(publications).toHaveLength(2)
    expect(await flow.served(alone.slot.code)).toMatchObject({ revision: 2, entries: [] })
    const { entries } = (await flow.served(mixed.slot.code))!
    expect(entries.map(({ creatives }) => creatives.map(({ id }) => id))).toEqual([[good.id]])
    expect(await flow.head(alone.schedule)).toMatchObject({ deliveryState: 'LIVE' })
    expect(await unapproved(alone.schedule)).toEqual([{ id: bad.id, revision: 1 }])
    expect(await unapproved(await flow.makeLive().then(({ schedule }) => schedule))).toEqual([])
    expect(await flow.head(bad)).toMatchObject({ reviewState: 'REJECTED', version: 1 })
    expect(await flow.reviewOf(bad)).toMatchObject({ state: 'REVOKED', revokedBy: 'publisher', version: 3 })
  })

  test('a revoked fallback creative is out of the fallback, and stays out when the slot is published again', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    const slot = await flow.makeSlot({ fallback: [creative.id] })
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    await flow.revoke(creative)
    expect(await flow.served(slot.code)).toMatchObject({ revision: 2, fallback: [] })
    expect(await flow.failure('publishSlot', 'publisher', await flow.onSlot(slot.id))).toMatchObject({
      code: 'INVALID_STATE',
    })
    await flow.publish(await flow.approved(await flow.makeSchedule({ slot: slot.id })))
    expect(await flow.served(slot.code)).toMatchObject({ revision: 3, fallback: [] })
  })

  test('entries with a revoked strategy are left out, because without it they would reach everybody', async () => {
    const strategy = await flow.makeStrategy({ constraint: { dimension: 'tags', operator: 'IN', values: ['few'] } })
    const { slot, schedule } = await flow.makeLive({ strategy })
    await flow.revoke(strategy)
    expect(await flow.served(slot.code)).toMatchObject({ revision: 2, entries: [] })
    expect(await flow.head(schedule)).toMatchObject({ reviewState: 'APPROVED', deliveryState: 'WITHDRAWN' })
    const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(other)
    expect((await flow.served(slot.code))!.entries.map((entry) => entry.schedule.id)).toEqual([other.id])
    expect(await flow.failure('publish', 'publisher', await flow.onSchedule(schedule))).toMatchObject({
      code: 'INVALID_STATE',
    })
  })

  test('a revoked schedule is withdrawn, and only publish brings it back, after a new approval', async () => {
    const { slot, schedule } = await flow.makeLive()
    await flow.revoke(schedule)
    expect(await flow.served(slot.code)).toMatchObject({ revision: 2, entries: [] })
    expect(await flow.head(schedule)).toMatchObject({ reviewState: 'REJECTED', deliveryState: 'WITHDRAWN' })
    expect(await flow.failure('publish', 'publisher', await flow.onSchedule(schedule))).toMatchObject({
      code: 'INVALID_STATE',
    })
    await flow.revise(schedule, { priority: 1 })
    await flow.approved(schedule)
    await flow.publish(await flow.approved(await flow.makeSchedule({ slot: slot.id })))
    expect(pinsIn(await flow.latest(slot.id))).not.toContain(`${schedule.id}@2`)
    await flow.publish(schedule)
    expect(pinsIn(await flow.latest(slot.id))).toContain(`${schedule.id}@2`)
  })

  test('a schedule that is paused is withdrawn as well', async () => {
    const { slot, schedule } = await flow.makeLive()
    await store.collection('pins').updateOne({ _id: schedule.id }, { $set: { state: 'PAUSED' } } as never)
    expect((await flow.revoke(schedule)).publications).toHaveLength(1)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'WITHDRAWN' })
    expect(await store.collection('pins').findOne({ _id: schedule.id })).toBeNull()
    expect(await flow.latest(slot.id)).toMatchObject({ revision: 2 })
  })

  test('only the revoked revision is taken off; other revisions of the same thing stay', async () => {
    const creative = await flow.makeCreative()
    const first = await flow.makeLive({ creatives: [creative] })
    await flow.revise(creative, { title: 'Second' })
    await flow.approved(creative)
    const second = await flow.makeLive({ creatives: [creative] })
    expect((await flow.revoke(creative, 1)).publications).toHaveLength(1)
    expect((await flow.served(first.slot.code))!.entries).toEqual([])
    expect((await flow.served(second.slot.code))!.entries).toHaveLength(1)
    expect(await flow.head(creative)).toMatchObject({ reviewState: 'APPROVED' })
  })

  test('after the newest approval is revoked, publish pins the approved revision before it', async () => {
    const creative = await flow.makeCreative()
    const { slot, schedule } = await flow.makeLive({ creatives: [creative] })
    await flow.revise(creative, { title: 'Second' })
    await flow.approved(creative)
    await flow.publish(schedule)
    await flow.revoke(creative, 2)
    expect((await flow.served(slot.code))!.entries).toEqual([])
    await flow.publish(schedule)
    expect(pinsIn(await flow.latest(slot.id))).toContain(`${creative.id}@1`)
  })

  test('only an approval can be taken back, with a reason, at its current version', async () => {
    const creative = await flow.makeCreative()
    await flow.submit(creative)
    const fail = async (more: Record<string, unknown> = {}) =>
      flow.failure('revokeApproval', 'reviewer', await flow.onReview(creative, undefined, more))
    expect(await fail()).toMatchObject({ code: 'INVALID_STATE' })
    expect(await fail({ expectedVersion: 9 })).toMatchObject({ code: 'CONFLICT', extensions: { currentVersion: 1 } })
    expect(await fail({ reason: ' ' })).toMatchObject({ code: 'BAD_USER_INPUT', extensions: { path: 'input.reason' } })
    expect(await fail({ review: 'rev_none' })).toMatchObject({ code: 'NOT_FOUND' })
    await flow.approve((await flow.reviewOf(creative)).submissions[0]!)
    await flow.revoke(creative)
    expect(await fail()).toMatchObject({ code: 'INVALID_STATE' })
  })

  test('a crash after the mark is finished by reconciliation', async () => {
    const creative = await flow.makeCreative()
    const { slot } = await flow.makeLive({ creatives: [creative] })
    const scheduled = await flow.makeLive()
    await markOnly(creative)
    await markOnly(scheduled.schedule)
    expect((await flow.served(slot.code))!.entries).toHaveLength(1)
    const reconciliation = startReconciliation(flow.services)
    expect(await reconciliation.runOnce()).toMatchObject({ revocations: 2, error: null })
    expect(await flow.served(slot.code)).toMatchObject({ revision: 2, entries: [] })
    expect(await flow.served(scheduled.slot.code)).toMatchObject({ revision: 2, entries: [] })
    expect(await flow.head(scheduled.schedule)).toMatchObject({ deliveryState: 'WITHDRAWN' })
    expect(await reconciliation.runOnce()).toMatchObject({ revocations: 0 })
    expect(await flow.latest(slot.id)).toMatchObject({ revision: 2, entries: [] })
    await reconciliation.stop()
  })

  test('after the mark every composition leaves the revision out, even before the revocation has finished', async () => {
    const creative = await flow.makeCreative()
    const { slot } = await flow.makeLive({ creatives: [creative] })
    const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await markOnly(creative)
    await flow.publish(other)
    expect(pinsIn((await flow.served(slot.code))!)).not.toContain(`${creative.id}@1`)
  })

  test('a repeat with the same key finishes an interrupted revocation, and then changes nothing', async () => {
    const creative = await flow.makeCreative()
    const { slot } = await flow.makeLive({ creatives: [creative] })
    const input = await markOnly(creative, { idempotencyKey: 'revoke-once' })
    const first = await flow.run('revokeApproval', 'publisher', input)
    expect(first.publications).toMatchObject([{ revision: 2, entries: [] }])
    expect((await flow.served(slot.code))!.entries).toEqual([])
    expect(await flow.run('revokeApproval', 'publisher', input)).toEqual(first)
    expect(await flow.latest(slot.id)).toMatchObject({ revision: 2 })
  })

  test('when several processes finish one revocation, each slot is composed once', async () => {
    const creative = await flow.makeCreative()
    const lives = [await flow.makeLive({ creatives: [creative] }), await flow.makeLive({ creatives: [creative] })]
    const input = await markOnly(creative, { idempotencyKey: 'revoke-together' })
    const reconciliation = startReconciliation(flow.services)
    await Promise.all([
      reconciliation.runOnce(),
      flow.run('revokeApproval', 'publisher', input),
      flow.run('revokeApproval', 'publisher', input),
    ])
    await reconciliation.stop()
    for (const { slot } of lives) expect(await flow.latest(slot.id)).toMatchObject({ revision: 2, entries: [] })
    expect((await flow.reviewOf(creative)).recompose).toBeUndefined()
  })
})
