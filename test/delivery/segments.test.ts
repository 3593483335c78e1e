import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { CONSTRAINT_LIMITS } from '../../engine/targeting/check-constraint.ts'
import { markRevoked } from '../../subgraphs/delivery/revocation.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Publishing segments', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const tagged = (...values: string[]) => ({ dimension: 'tags', operator: 'IN', values })
  const naming = ({ id }: Thing) => ({ segment: id })
  const one = (thing: Thing, revision = 1) => ({ id: thing.id, revision })

  /** A schedule for the strategy in a slot of its own, everything approved. */
  async function makeApproved(strategy: Thing) {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ strategy, slot: slot.id }))
    return { slot, schedule }
  }

  /** Live, for a strategy that names a segment that names another. */
  async function makeLive() {
    const inner = await flow.makeSegment({ constraint: tagged('inner') })
    const outer = await flow.makeSegment({ constraint: { any: [tagged('outer'), naming(inner)] } })
    const strategy = await flow.makeStrategy({ constraint: { not: naming(outer) } })
    const { slot, schedule } = await makeApproved(strategy)
    await flow.publish(schedule)
    return { inner, outer, strategy, slot, schedule }
  }

  const refusal = async (schedule: Thing) => flow.failure('publish', 'publisher', await flow.onSchedule(schedule))

  test('segments are pinned, those in segments too, and nodes get their constraints in place of their names', async () => {
    const { inner, outer, slot, schedule } = await makeLive()
    const segments = [one(outer), one(inner)]
    const publication = await flow.publish(schedule)
    expect(publication.entries).toMatchObject([{ segments }])
    expect((await flow.served(slot.code))!.entries).toMatchObject([
      { segments, constraint: { not: { any: [tagged('outer'), tagged('inner')] } } },
    ])
    const ask = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Schedule { delivery { state segments { id revision } } } } }`
    const of = [{ __typename: 'Schedule', id: schedule.id }]
    expect(await flow.subgraphs.delivery.must('viewer', ask, { of })).toEqual([
      { delivery: { state: 'LIVE', segments } },
    ])
  })

  test('a segment that is used several times is pinned once', async () => {
    const shared = await flow.makeSegment()
    const both = [await flow.makeSegment({ constraint: naming(shared) }), shared]
    const strategy = await flow.makeStrategy({ constraint: { all: both.map(naming) } })
    const { slot, schedule } = await makeApproved(strategy)
    await flow.publish(schedule)
    const [entry] = (await flow.served(slot.code))!.entries
    expect(entry!.segments).toEqual(both.map((segment) => one(segment)))
    expect(entry!.constraint).toEqual({ all: [tagged('new'), tagged('new')] })
  })

  test('of a segment the newest approved revision is pinned, and stays until the schedule is published again', async () => {
    const { inner, slot, schedule } = await makeLive()
    await flow.revise(inner, { constraint: tagged('second') })
    await flow.publish(schedule)
    expect(pinsIn((await flow.served(slot.code))!)).toContain(`${inner.id}@1`)
    await flow.approved(inner)
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(pinsIn((await flow.served(slot.code))!)).toContain(`${inner.id}@1`)
    await flow.publish(schedule)
    expect((await flow.served(slot.code))!.entries).toMatchObject([
      { constraint: { not: { any: [tagged('outer'), tagged('second')] } } },
    ])
  })

  test('what lacks an approval is named in one error: schedule, creatives, strategy and segments in segments', async () => {
    const [inner, good] = [await flow.makeSegment(), await flow.approved(await flow.makeSegment())]
    const outer = await flow.makeSegment({ constraint: { all: [inner, good].map(naming) } })
    const strategy = await flow.makeStrategy({ constraint: naming(outer) })
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ strategy, creatives: [creative] })
    const { code, message, extensions } = await refusal(schedule)
    expect(code).toBe('INVALID_STATE')
    expect(extensions.unapproved).toEqual([schedule.id, creative.id, strategy.id, outer.id, inner.id])
    expect(message).not.toContain(good.id)
  })

  test('an approved strategy with a revoked segment is not published; the error names creatives too', async () => {
    const segment = await flow.makeSegment()
    const creative = await flow.makeCreative()
    const strategy = await flow.makeStrategy({ constraint: naming(segment) })
    const schedule = await flow.approved(await flow.makeSchedule({ strategy, creatives: [creative] }))
    for (const thing of [segment, creative]) await flow.revoke(thing)
    expect(await refusal(schedule)).toMatchObject({
      code: 'INVALID_STATE',
      extensions: { unapproved: [creative.id, segment.id] },
    })
  })

  test('a revoked segment takes its entries off and withdraws their schedules, paused ones too', async () => {
    for (const paused of [false, true]) {
      for (const which of ['inner', 'outer'] as const) {
        const live = await makeLive()
        const { slot, schedule } = live
        if (paused) await flow.run('pause', 'publisher', await flow.onSchedule(schedule))
        await flow.revoke(live[which])
        expect((await flow.served(slot.code))!.entries).toEqual([])
        expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'WITHDRAWN' })
        expect(await refusal(schedule)).toMatchObject({ extensions: { unapproved: [live[which].id] } })
      }
    }
  })

  test('between the mark of a revocation and its end what composes the slot leaves the entry out', async () => {
    const { inner, slot } = await makeLive()
    const principal = { actor: 'publisher', roles: { '*': ['publisher' as const] } }
    await markRevoked(flow.services, { principal, requestId: 'test' }, await flow.onReview(inner))
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect((await flow.served(slot.code))!.entries).toEqual([])
  })

  test('publishing guards the review of every segment', async () => {
    const { inner, outer, schedule } = await makeLive()
    const guards = async () => [(await flow.reviewOf(inner)).guard, (await flow.reviewOf(outer)).guard]
    const before = await guards()
    await flow.publish(schedule)
    expect(await guards()).toEqual(before.map((guard) => guard + 1))
  })

  test('segments that name each other at their approved revisions are not published; the error names the cycle', async () => {
    const first = await flow.makeSegment()
    const second = await flow.makeSegment({ constraint: naming(first) })
    const strategy = await flow.makeStrategy({ constraint: naming(second) })
    const { schedule } = await makeApproved(strategy)
    // At no time do the newest revisions name each other.
    await flow.revise(second, { constraint: tagged('alone') })
    await flow.revise(first, { constraint: naming(second) })
    await flow.approved(first)
    await flow.revoke(second, 2)
    const { code, message } = await refusal(schedule)
    expect([code, message]).toEqual([
      'INVALID_STATE',
      expect.stringMatching(`${second.id} -> ${first.id} -> ${second.id}`),
    ])
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'NONE' })
  })

  test('a constraint that is too large with its segments in place is not published', async () => {
    const segment = await flow.makeSegment()
    const others = Array.from({ length: CONSTRAINT_LIMITS.nodes / 2 }, () => tagged('other'))
    const strategy = await flow.makeStrategy({ constraint: { any: [...others, naming(segment)] } })
    const { slot, schedule } = await makeApproved(strategy)
    await flow.revise(segment, { constraint: { any: others.slice(2) } })
    await flow.approved(segment)
    await flow.publish(schedule)
    await flow.revise(segment, { constraint: { any: others } })
    await flow.approved(segment)
    const { code, message } = await refusal(schedule)
    expect([code, message]).toEqual(['LIMIT_EXCEEDED', expect.stringContaining(`${CONSTRAINT_LIMITS.nodes} nodes`)])
    expect(await flow.served(slot.code)).toMatchObject({ revision: 1, entries: [{ segments: [{ revision: 2 }] }] })
  })
})
