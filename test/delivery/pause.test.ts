import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { markRevoked } from '../../subgraphs/delivery/revocation.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Pausing and resuming', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  async function makePaused(booking: Parameters<Workflow['makeSchedule']>[0] = {}) {
    const live = await flow.makeLive(booking)
    await pause(live.schedule)
    return live
  }

  const pause = async (schedule: Thing) => flow.run('pause', 'publisher', await flow.onSchedule(schedule))
  const resume = async (schedule: Thing) => flow.run('resume', 'publisher', await flow.onSchedule(schedule))
  const refusal = async (mutation: 'pause' | 'resume' | 'publish', schedule: Thing) =>
    flow.failure(mutation, 'publisher', await flow.onSchedule(schedule))

  async function lastChange({ id }: Thing): Promise<Change> {
    const [last] = await store.collection<Change>('changes').find({ 'subject.id': id } as never, { sort: { _id: -1 } })
    return last!
  }

  test('a paused schedule is off the slot, others stay, and it is back once it is resumed', async () => {
    const { slot, schedule } = await flow.makeLive()
    const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(other)
    const live = (await flow.served(slot.code))!.entries
    expect(await pause(schedule)).toMatchObject({ revision: 3, entries: [{ schedule: { id: other.id } }] })
    expect((await flow.served(slot.code))!.entries).toMatchObject([{ schedule: { id: other.id } }])
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'PAUSED', version: 4 })
    expect(await resume(schedule)).toMatchObject({ revision: 4 })
    expect((await flow.served(slot.code))!.entries).toEqual(live)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'LIVE', version: 5 })
  })

  test('each leaves an entry in the change log, with the schedule and its pin before and after', async () => {
    const { schedule } = await flow.makeLive()
    await pause(schedule)
    expect(await lastChange(schedule)).toMatchObject({
      ...{ mutation: 'pause', actor: 'publisher' },
      before: { deliveryState: 'LIVE', version: 3, pin: { state: 'LIVE', schedule: { revision: 1 } } },
      after: { deliveryState: 'PAUSED', version: 4, pin: { state: 'PAUSED', schedule: { revision: 1 } } },
    })
    await resume(schedule)
    expect(await lastChange(schedule)).toMatchObject({
      mutation: 'resume',
      before: { deliveryState: 'PAUSED', pin: { state: 'PAUSED' } },
      after: { deliveryState: 'LIVE', pin: { state: 'LIVE' } },
    })
  })

  test('resume serves the pinned revisions, however many newer ones were approved meanwhile', async () => {
    const [creative, strategy] = [await flow.makeCreative(), await flow.makeStrategy()]
    const { slot, schedule } = await makePaused({ creatives: [creative], strategy })
    for (const thing of [creative, strategy, schedule]) {
      await flow.revise(thing, { name: 'Second' })
      await flow.approved(thing)
    }
    await resume(schedule)
    const first = [`${schedule.id}@1`, `${strategy.id}@1`, `${creative.id}@1`]
    expect(pinsIn((await flow.served(slot.code))!)).toEqual(first)
  })

  test('publish makes a paused schedule live, at its newest approved revisions', async () => {
    const { slot, schedule } = await makePaused()
    await flow.revise(schedule, { priority: 3 })
    await flow.approved(schedule)
    await flow.publish(schedule)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'LIVE' })
    expect(await flow.served(slot.code)).toMatchObject({ entries: [{ schedule: { revision: 2 }, priority: 3 }] })
  })

  test('a paused schedule stays off while others of its slot are published', async () => {
    const { slot, schedule } = await makePaused()
    const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(other)
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(pinsIn((await flow.served(slot.code))!)).not.toContain(`${schedule.id}@1`)
  })

  test('only what is live can be paused and only what is paused resumed; the error names the present state', async () => {
    const schedule = await flow.approved(await flow.makeSchedule())
    const expectRefused = async (mutation: 'pause' | 'resume', state: string) => {
      const before = await everythingIn(store)
      const { code, message } = await refusal(mutation, schedule)
      expect([code, message]).toEqual(['INVALID_STATE', expect.stringContaining(state)])
      expect((await everythingIn(store)) === before).toBe(true)
    }
    for (const mutation of ['pause', 'resume'] as const) await expectRefused(mutation, 'NONE')
    await flow.publish(schedule)
    await expectRefused('resume', 'LIVE')
    await pause(schedule)
    await expectRefused('pause', 'PAUSED')
    await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'WITHDRAWN' })
    for (const mutation of ['pause', 'resume'] as const) await expectRefused(mutation, 'WITHDRAWN')
  })

  test('a creative that was revoked during the pause does not come back; the others do', async () => {
    const [bad, good] = [await flow.makeCreative(), await flow.makeCreative()]
    const { slot, schedule } = await makePaused({ creatives: [bad, good] })
    await flow.revoke(bad)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'PAUSED' })
    await resume(schedule)
    expect(pinsIn((await flow.served(slot.code))!)).toEqual([`${schedule.id}@1`, `${good.id}@1`])
  })

  test('a schedule is not resumed when nothing of it is approved any more; the error names what is not approved', async () => {
    const [first, second] = [await flow.makeCreative(), await flow.makeCreative()]
    const { slot, schedule } = await makePaused({ creatives: [first, second] })
    for (const creative of [first, second]) await flow.revoke(creative)
    const { code, message, extensions } = await refusal('resume', schedule)
    expect([code, extensions.unapproved]).toEqual(['INVALID_STATE', [first.id, second.id]])
    expect(message).toMatch(/revision 1 of the creative .*publish/)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'PAUSED' })
    expect((await flow.served(slot.code))!.entries).toEqual([])

    for (const creative of [first, second]) {
      await flow.revise(creative, { title: 'Anew' })
      await flow.approved(creative)
    }
    expect((await refusal('resume', schedule)).code).toBe('INVALID_STATE')
    await flow.publish(schedule)
    expect(pinsIn((await flow.served(slot.code))!)).toEqual([`${schedule.id}@1`, `${first.id}@2`, `${second.id}@2`])
  })

  test('during a revocation a paused schedule is not resumed with the revoked revision', async () => {
    for (const kind of ['SCHEDULE', 'STRATEGY'] as const) {
      const strategy = await flow.makeStrategy()
      const { slot, schedule } = await makePaused({ strategy })
      const revoked = kind === 'SCHEDULE' ? schedule : strategy
      const principal = { actor: 'publisher', roles: { '*': ['publisher' as const] } }
      await markRevoked(flow.services, { principal, requestId: 'test' }, await flow.onReview(revoked))
      expect(await refusal('resume', schedule)).toMatchObject({
        code: 'INVALID_STATE',
        extensions: { unapproved: [revoked.id] },
      })
      expect((await flow.served(slot.code))!.entries).toEqual([])
    }
  })

  test('a paused schedule whose own revision or strategy is revoked is withdrawn', async () => {
    for (const kind of ['SCHEDULE', 'STRATEGY'] as const) {
      const strategy = await flow.makeStrategy()
      const { schedule } = await makePaused({ strategy })
      await flow.revoke(kind === 'SCHEDULE' ? schedule : strategy)
      expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'WITHDRAWN' })
      expect((await refusal('resume', schedule)).message).toContain('WITHDRAWN')
    }
  })

  test('pausing and resuming at the same time with the same version: one of two is a CONFLICT', async () => {
    const { schedule } = await flow.makeLive()
    const input = await flow.onSchedule(schedule)
    const results = await Promise.allSettled([
      flow.run('pause', 'publisher', input),
      flow.run('withdraw', 'publisher-2', input),
    ])
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))
    expect(failed).toEqual([expect.stringContaining('CONFLICT')])
  })
})
