// Where something is live: lists of schedules and slots that are narrowed by what is pinned, whatever newer drafts say.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Where a revision is pinned', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  const SCHEDULES = `query ($app: ID!, $filter: ScheduleFilter) { schedules(app: $app, filter: $filter) { total nodes { id } } }`
  const SLOTS = `query ($app: ID!, $filter: SlotFilter) { slots(app: $app, filter: $filter) { total nodes { id } } }`

  async function idsIn(text: string, filter: object): Promise<string[]> {
    const { total, nodes } = await flow.subgraphs.schedule.must('viewer', text, { app: flow.app, filter })
    expect(total).toBe(nodes.length)
    return nodes.map(({ id }: { id: string }) => id)
  }
  const schedulesWith = (filter: object) => idsIn(SCHEDULES, filter)
  const slotsWith = (filter: object) => idsIn(SLOTS, filter)
  const onSchedule = async (name: 'pause' | 'resume' | 'withdraw', schedule: Thing) =>
    flow.run(name, 'publisher', await flow.onSchedule(schedule))

  test('a creative is found where it is pinned, not where only the newest draft uses it', async () => {
    const [old, fresh] = [await flow.makeCreative(), await flow.makeCreative()]
    const { schedule } = await flow.makeLive({ creatives: [old] })
    await flow.revise(schedule, { creatives: [{ creative: fresh.id }] })
    expect(await schedulesWith({ creative: old.id })).toEqual([])
    expect(await schedulesWith({ creative: fresh.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedCreative: old.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedCreative: fresh.id })).toEqual([])

    await flow.approved(schedule)
    await flow.publish(schedule)
    expect(await schedulesWith({ pinnedCreative: old.id })).toEqual([])
    expect(await schedulesWith({ pinnedCreative: fresh.id })).toEqual([schedule.id])
  })

  test('a paused schedule has it pinned, a withdrawn one has not', async () => {
    const creative = await flow.makeCreative()
    const { schedule } = await flow.makeLive({ creatives: [creative] })
    await onSchedule('pause', schedule)
    expect(await schedulesWith({ pinnedCreative: creative.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedCreative: creative.id, deliveryStates: ['LIVE'] })).toEqual([])
    await onSchedule('resume', schedule)
    expect(await schedulesWith({ pinnedCreative: creative.id, deliveryStates: ['LIVE'] })).toEqual([schedule.id])
    await onSchedule('withdraw', schedule)
    expect(await schedulesWith({ pinnedCreative: creative.id })).toEqual([])
  })

  test('a strategy and its segments are found, those that segments name among them', async () => {
    const inner = await flow.makeSegment()
    const outer = await flow.makeSegment({ constraint: { any: [{ segment: inner.id }] } })
    const strategy = await flow.makeStrategy({ constraint: { not: { segment: outer.id } } })
    const { schedule } = await flow.makeLive({ strategy })
    await flow.revise(strategy, { constraint: null })
    await flow.revise(schedule, { strategy: null })
    expect(await schedulesWith({ strategy: strategy.id })).toEqual([])
    expect(await schedulesWith({ pinnedStrategy: strategy.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedSegment: outer.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedSegment: inner.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedSegment: inner.id, pinnedStrategy: strategy.id })).toEqual([schedule.id])
    expect(await schedulesWith({ pinnedSegment: (await flow.makeSegment()).id })).toEqual([])

    await flow.revoke(inner, 1)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'WITHDRAWN', pinned: null })
    expect(await schedulesWith({ pinnedSegment: inner.id })).toEqual([])
  })

  test('a slot is found by its published fallback, not by its unpublished one', async () => {
    const [old, fresh] = [
      await flow.approved(await flow.makeCreative()),
      await flow.approved(await flow.makeCreative()),
    ]
    const slot = await flow.makeSlot({ fallback: [old.id] })
    const fallback = async (fallback: string[]) => {
      const { expectedVersion } = await flow.onSlot(slot.id)
      await flow.run('updateSlot', 'operator', { id: slot.id, expectedVersion, fallback })
    }
    expect(await slotsWith({ pinnedCreative: old.id })).toEqual([])
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    await fallback([fresh.id])
    expect(await slotsWith({ pinnedCreative: old.id })).toEqual([slot.id])
    expect(await slotsWith({ pinnedCreative: fresh.id })).toEqual([])
    expect(await schedulesWith({ pinnedCreative: old.id })).toEqual([])
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(await slotsWith({ pinnedCreative: old.id })).toEqual([])
    expect(await slotsWith({ pinnedCreative: fresh.id })).toEqual([slot.id])
  })

  test('the first publication of a slot pins its fallback, also when it is a stop', async () => {
    for (const first of ['publish', 'stop'] as const) {
      const creative = await flow.approved(await flow.makeCreative())
      const slot = await flow.makeSlot({ fallback: [creative.id] })
      if (first === 'stop') await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
      else await flow.publish(await flow.approved(await flow.makeSchedule({ slot: slot.id })))
      expect(await slotsWith({ pinnedCreative: creative.id })).toEqual([slot.id])
    }
  })

  test('an archived creative that is still live is found, unless archived ones are left out', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    const { schedule, slot } = await flow.makeLive({ creatives: [creative] }, { fallback: [creative.id] })
    const { version } = await flow.head(schedule)
    await flow.run('archiveSchedule', 'operator', { id: schedule.id, expectedVersion: version, confirmLive: true })
    const { expectedVersion } = await flow.onSlot(slot.id)
    await flow.run('archiveSlot', 'operator', { id: slot.id, expectedVersion, confirmLive: true })
    const pinnedCreative = creative.id
    for (const [found, id] of [
      [schedulesWith, schedule.id],
      [slotsWith, slot.id],
    ] as const) {
      expect(await found({ pinnedCreative })).toEqual([id])
      expect(await found({ pinnedCreative, archived: true })).toEqual([id])
      expect(await found({ pinnedCreative, archived: false })).toEqual([])
    }
    expect(await schedulesWith({ creative: creative.id })).toEqual([])
  })
})
