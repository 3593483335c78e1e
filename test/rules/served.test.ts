// Rules 2, 8, 9 and 10 of the design where they show: in what a distribution node answers.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { pinText } from '../../engine/publication/types.ts'
import { slotHeads } from '../../subgraphs/delivery/repository.ts'
import { type ServingNode, startServingNode } from '../support/serving-node.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

const HOUR_MS = 3_600_000

const ARCHIVES = {
  SLOT: 'archiveSlot',
  SCHEDULE: 'archiveSchedule',
  CREATIVE: 'archiveCreative',
  STRATEGY: 'archiveStrategy',
  SEGMENT: 'archiveSegment',
} as const

describeEachStore('The rules, as a node serves them', (open) => {
  let store: Store
  let flow: Workflow
  let node: ServingNode

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
    node = await startServingNode(flow.services)
  })
  afterAll(async () => {
    await node.stop()
    await flow.stop()
  })

  type Place = { id: string; code: string }

  /** `MATCHED sch_1@1` or the like, once the node holds what was published last. */
  async function answer({ id, code }: Place): Promise<string> {
    await node.held(flow.app, code, (await slotHeads.get(store, id)) ?? undefined)
    const [decision] = await node.ask(flow.app, [code], 'somebody', [])
    const { reason, creatives } = decision!
    const shown = creatives.map(({ schedule, creative }) => schedule ?? creative)
    const pins = shown.map(pinText)
    return [reason, ...pins.sort()].join(' ')
  }

  const count = (slot: Place) =>
    store.collection<{ _id: string; slot: string }>('publications').count({ slot: slot.id })

  /** Archives a thing at the version that it has. */
  async function archive(kind: keyof typeof ARCHIVES, id: string): Promise<void> {
    const { expectedVersion } = kind === 'SLOT' ? await flow.onSlot(id) : await flow.submission({ type: kind, id })
    await flow.run(ARCHIVES[kind], 'operator', { id, expectedVersion, confirmLive: true })
  }

  test("2. A slot's capacity and fallback take effect by publishSlot, and by nothing else", async () => {
    const [first, second] = [await flow.makeCreative(), await flow.makeCreative()]
    for (const creative of [first, second]) await flow.approved(creative)
    const slot = await flow.makeSlot({ fallback: [first.id] })
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    const { expectedVersion } = await flow.onSlot(slot.id)
    const fallback = [first.id, second.id]
    await flow.run('updateSlot', 'operator', { id: slot.id, expectedVersion, capacity: 2, fallback })
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(schedule)
    expect(await answer(slot)).toBe(`MATCHED ${schedule.id}@1`)
    await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
    expect(await answer(slot)).toBe(`FALLBACK ${first.id}@1`)
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(await answer(slot)).toBe(`FALLBACK ${first.id}@1 ${second.id}@1`)
  })

  test('8. A schedule goes out ahead of time: it is shown once the clock is there, and no longer than its window', async () => {
    const opens = flow.clock.now() + HOUR_MS
    const [startsAt, endsAt] = [opens, opens + HOUR_MS].map((at) => new Date(at).toISOString())
    const { slot, schedule } = await flow.makeLive({ content: { startsAt, endsAt } })
    const before = await count(slot)
    const advanceTo = (instant: number) => flow.clock.advance(instant - flow.clock.now())
    advanceTo(opens - 1)
    expect(await answer(slot)).toBe('EMPTY')
    advanceTo(opens)
    expect(await answer(slot)).toBe(`MATCHED ${schedule.id}@1`)
    advanceTo(opens + HOUR_MS - 1)
    expect(await answer(slot)).toBe(`MATCHED ${schedule.id}@1`)
    advanceTo(opens + HOUR_MS)
    expect(await answer(slot)).toBe('EMPTY')
    expect(await count(slot)).toBe(before)
  })

  describe('9. What is live stays live when it is archived, until it is withdrawn', () => {
    for (const kind of Object.keys(ARCHIVES) as (keyof typeof ARCHIVES)[]) {
      test(`${kind.toLowerCase()}: it goes on being served, is paused and resumed, and goes when it is withdrawn`, async () => {
        const segment = await flow.run('createSegment', 'operator', nobody())
        const strategy = await flow.makeStrategy({ constraint: { not: { segment: segment.id } } })
        const creative = await flow.makeCreative()
        const { slot, schedule } = await flow.makeLive({ creatives: [creative], strategy })
        const all = { SLOT: slot, SCHEDULE: schedule, CREATIVE: creative, STRATEGY: strategy, SEGMENT: segment }
        await archive(kind, all[kind].id)
        expect(await answer(slot)).toBe(`MATCHED ${schedule.id}@1`)
        await flow.run('pause', 'publisher', await flow.onSchedule(schedule))
        expect(await answer(slot)).toBe('EMPTY')
        await flow.run('resume', 'publisher', await flow.onSchedule(schedule))
        await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
        expect(await answer(slot)).toBe(`MATCHED ${schedule.id}@1`)
        await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
        expect(await answer(slot)).toBe('EMPTY')
      })
    }

    const nobody = () => ({
      app: flow.app,
      content: { name: 'Nobody', constraint: { dimension: 'tags', operator: 'IN', values: ['nobody'] } },
    })
  })

  test('10. A stopped slot answers STOPPED and nothing else, not even its fallback, until it is restarted', async () => {
    const fallback = await flow.approved(await flow.makeCreative())
    const { slot, schedule } = await flow.makeLive({}, { fallback: [fallback.id] })
    const empty = await flow.makeSlot({ fallback: [fallback.id] })
    await flow.run('publishSlot', 'publisher', await flow.onSlot(empty.id))
    for (const { id } of [slot, empty]) await flow.run('stopSlot', 'publisher', await flow.onSlot(id))
    await flow.publish(schedule)
    expect([await answer(slot), await answer(empty)]).toEqual(['STOPPED', 'STOPPED'])
    for (const { id } of [slot, empty]) await flow.run('restartSlot', 'publisher', await flow.onSlot(id))
    expect(await answer(slot)).toBe(`MATCHED ${schedule.id}@1`)
    expect(await answer(empty)).toBe(`FALLBACK ${fallback.id}@1`)
  })
})
