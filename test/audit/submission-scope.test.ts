import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('The scope of a submission', (open) => {
  let store: Store
  let flow: Workflow

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const naming = ({ id }: Thing) => ({ constraint: { not: { segment: id } } })
  const stateOf = async (thing: Thing) => (await flow.head(thing)).reviewState

  /** The ids of what a submission of the thing contains. */
  async function submitted(thing: Thing): Promise<string[]> {
    const { reviews } = await flow.run('submitForReview', 'operator', await flow.submission(thing))
    return reviews.map((review: { subject: { id: string } }) => review.subject.id)
  }

  async function reject(thing: Thing): Promise<void> {
    const id = await flow.submit(thing)
    await flow.run('reject', 'reviewer', await flow.onAll(id, { comment: 'No' }))
  }

  /** Marks a draft as archived, as its owner does. */
  async function archive({ type, id }: Thing): Promise<void> {
    const rows = store.collection<{ _id: string; archivedAt: Date }>(type === 'SEGMENT' ? 'segments' : 'creatives')
    await rows.updateOne({ _id: id }, { $set: { archivedAt: new Date(flow.clock.now()) } })
  }

  test('a segment is reviewed as everything else is', async () => {
    const segment = await flow.makeSegment()
    expect(await submitted(segment)).toEqual([segment.id])
    expect(await flow.head(segment)).toMatchObject({ reviewState: 'IN_REVIEW', version: 2 })
    await flow.approve((await flow.reviewOf(segment)).submissions[0]!)
    expect(await stateOf(segment)).toBe('APPROVED')
  })

  test('a schedule brings its creatives, its strategy, and all segments, also segments in segments', async () => {
    const inner = await flow.makeSegment()
    const shared = await flow.makeSegment()
    const outer = await flow.makeSegment({ constraint: { all: [{ segment: inner.id }, { segment: shared.id }] } })
    const constraint = { any: [{ segment: outer.id }, { segment: shared.id }] }
    const strategy = await flow.makeStrategy({ constraint })
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative], strategy })
    const ids = await submitted(schedule)
    expect(ids).toEqual([schedule, creative, strategy, outer, shared, inner].map(({ id }) => id))
    for (const thing of [outer, shared, inner]) {
      expect(await flow.head(thing)).toMatchObject({ reviewState: 'IN_REVIEW', version: 1 })
    }
  })

  test('a strategy and a segment bring the segments that they use', async () => {
    const segments = [await flow.makeSegment(), await flow.makeSegment()]
    const strategy = await flow.makeStrategy(naming(segments[0]!))
    expect(await submitted(strategy)).toEqual([strategy.id, segments[0]!.id])
    const outer = await flow.makeSegment(naming(segments[1]!))
    expect(await submitted(outer)).toEqual([outer.id, segments[1]!.id])
  })

  test('what an approved segment uses is in the scope too, because it can have changed since', async () => {
    const inner = await flow.makeSegment()
    const outer = await flow.approved(await flow.makeSegment(naming(inner)))
    await flow.revise(inner, { name: 'Anew' })
    const strategy = await flow.makeStrategy(naming(outer))
    expect(await submitted(strategy)).toEqual([strategy.id, inner.id])
  })

  test('a review of a segment that is open already joins', async () => {
    const inner = await flow.makeSegment()
    const outer = await flow.makeSegment(naming(inner))
    const first = await flow.submit(outer)
    const strategy = await flow.makeStrategy(naming(outer))
    const second = await flow.submit(strategy)
    for (const segment of [outer, inner]) {
      expect(await flow.reviewOf(segment)).toMatchObject({ submissions: [first, second] })
    }
  })

  test('for a rejected thing its approved revision counts: what that one uses is in the scope', async () => {
    const [before, after] = [await flow.makeSegment(), await flow.makeSegment()]
    const strategy = await flow.approved(await flow.makeStrategy(naming(before)))
    await flow.revise(before, { name: 'Anew' })
    await flow.revise(strategy, naming(after))
    await reject(strategy)
    await flow.revise(after, { name: 'Never used' })
    const creative = await flow.approved(await flow.makeCreative())
    const schedule = await flow.makeSchedule({ creatives: [creative], strategy })
    expect(await submitted(schedule)).toEqual([schedule.id, before.id])
    expect([await stateOf(before), await stateOf(after)]).toEqual(['IN_REVIEW', 'DRAFT'])
  })

  test('a rejected segment without an approved revision is named, however deep it is', async () => {
    const inner = await flow.makeSegment({ name: 'Never good' })
    await reject(inner)
    const strategy = await flow.makeStrategy(naming(await flow.makeSegment(naming(inner))))
    const schedule = await flow.makeSchedule({ strategy })
    const { code, message } = await flow.failure('submitForReview', 'operator', await flow.submission(schedule))
    expect(code).toBe('INVALID_STATE')
    expect(message).toContain(`segment "Never good" (${inner.id}) is REJECTED`)
    expect(await stateOf(schedule)).toBe('DRAFT')
  })

  test('what is archived cannot be submitted', async () => {
    const creative = await flow.makeCreative()
    await archive(creative)
    const { code, message } = await flow.failure('submitForReview', 'operator', await flow.submission(creative))
    expect([code, message]).toEqual(['INVALID_STATE', expect.stringContaining('is archived')])
  })

  test('an archived draft is not in the scope: where it is live, its approved revision counts', async () => {
    const used = await flow.makeCreative()
    const { schedule } = await flow.makeLive({ creatives: [used] })
    await flow.revise(used, { title: 'Anew' })
    await flow.revise(schedule, { priority: 4 })
    await archive(used)
    expect(await submitted(schedule)).toEqual([schedule.id])
    expect(await stateOf(used)).toBe('DRAFT')
  })

  test('a subject that uses an archived draft without an approved revision is not submitted', async () => {
    const segment = await flow.makeSegment()
    const strategy = await flow.makeStrategy(naming(segment))
    await archive(segment)
    const { code, message } = await flow.failure('submitForReview', 'operator', await flow.submission(strategy))
    expect([code, message]).toEqual(['INVALID_STATE', expect.stringContaining(`(${segment.id}) is archived`)])
  })

  test('a segment that is revised between submitting and approving is not approved at its old revision', async () => {
    const segment = await flow.makeSegment()
    const strategy = await flow.makeStrategy(naming(segment))
    const id = await flow.submit(strategy)
    await flow.revise(segment, { name: 'Anew' })
    await flow.approve(id)
    expect([await stateOf(strategy), await stateOf(segment)]).toEqual(['APPROVED', 'DRAFT'])
    expect(await flow.reviewOf(segment, 1)).toMatchObject({ state: 'OPEN' })
  })
})
