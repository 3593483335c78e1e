// Archiving something that is live: it says where it is live, and needs a confirmation. And the way back out of the archive.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { type MutationName, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const KINDS = ['creative', 'fallback', 'strategy', 'segment', 'inner segment', 'slot', 'schedule'] as const
type Kind = (typeof KINDS)[number]
type Scene = Record<Exclude<Kind, 'slot'>, Thing> & { slot: { id: string; code: string } }

describeEachStore('Something live', (open) => {
  let store: Store
  let flow: Workflow

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  async function makeScene(): Promise<Scene> {
    const fallback = await flow.approved(await flow.makeCreative())
    const slot = await flow.makeSlot({ fallback: [fallback.id] })
    const inner = await flow.makeSegment()
    const segment = await flow.makeSegment({ constraint: { any: [{ segment: inner.id }] } })
    const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
    const creative = await flow.makeCreative()
    const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id }))
    await flow.publish(schedule)
    return { fallback, slot, 'inner segment': inner, segment, strategy, creative, schedule }
  }

  /** The mutation and its input. */
  async function commandOn(scene: Scene, kind: Kind, does: 'archive' | 'unarchive') {
    const { id } = scene[kind]
    const version = kind === 'slot' ? (await flow.onSlot(id)).expectedVersion : (await flow.head(scene[kind])).version
    const type = kind === 'slot' ? 'SLOT' : scene[kind].type
    const name = `${does}${type[0]}${type.slice(1).toLowerCase()}` as MutationName
    return [name, { id, expectedVersion: version as number }] as const
  }

  describe.each(KINDS)('%s', (kind) => {
    test('is not archived without a confirmation; the error says where it is live, and nothing changes', async () => {
      const scene = await makeScene()
      const [name, input] = await commandOn(scene, kind, 'archive')
      const before = await everythingIn(store)
      for (const given of [input, { ...input, confirmLive: false }]) {
        const { code, message, extensions } = await flow.failure(name, 'operator', given)
        expect(code).toBe('INVALID_STATE')
        const schedules = kind === 'fallback' ? [] : [scene.schedule.id]
        const slots = kind === 'fallback' || kind === 'slot' ? [scene.slot.id] : []
        expect(extensions.live).toEqual({ schedules, slots, total: schedules.length + slots.length })
        for (const id of [scene[kind].id, ...schedules, ...slots]) expect(message).toContain(id)
        expect(message).toContain('confirmLive: true')
      }
      expect(await everythingIn(store)).toBe(before)
    })

    test('is archived with a confirmation and stays live, and comes back out of the archive', async () => {
      const scene = await makeScene()
      const served = await flow.served(scene.slot.code)
      const [name, input] = await commandOn(scene, kind, 'archive')
      await flow.run(name, 'operator', { ...input, confirmLive: true })
      expect(await flow.served(scene.slot.code)).toEqual(served)
      const [back, again] = await commandOn(scene, kind, 'unarchive')
      await flow.run(back, 'operator', again)
      const { code, message } = await flow.failure(back, 'operator', {
        ...again,
        expectedVersion: again.expectedVersion + 1,
      })
      expect([code, message]).toEqual(['INVALID_STATE', expect.stringContaining('is not archived')])
      expect(await flow.served(scene.slot.code)).toEqual(served)
      // It can be used in something new again.
      const content = { creatives: [scene.creative], strategy: scene.strategy, slot: scene.slot.id }
      await flow.makeSchedule(content)
      await flow.makeSlot({ fallback: [scene.fallback.id] })
      await flow.revise(scene.schedule, { priority: 7 })
    })
  })

  test('a paused schedule counts as live, a withdrawn one does not', async () => {
    const scene = await makeScene()
    await flow.run('pause', 'publisher', await flow.onSchedule(scene.schedule))
    for (const kind of ['schedule', 'creative', 'strategy', 'inner segment'] as const) {
      const { extensions } = await flow.failure(...(await onIt(scene, kind)))
      expect(extensions.live).toEqual({ schedules: [scene.schedule.id], slots: [], total: 1 })
    }
    await flow.run('withdraw', 'publisher', await flow.onSchedule(scene.schedule))
    for (const kind of ['schedule', 'creative', 'strategy', 'inner segment'] as const) {
      await flow.run(...(await onIt(scene, kind)))
    }
  })

  test('an error lists at most twenty places, and counts all', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    for (let made = 0; made < 22; made++) await flow.makeLive({ creatives: [creative] })
    const { extensions, message } = await flow.failure('archiveCreative', 'operator', {
      id: creative.id,
      expectedVersion: (await flow.head(creative)).version,
    })
    expect(extensions.live).toMatchObject({ schedules: { length: 20 }, total: 22 })
    expect(message).toContain('and 17 more')
  })

  async function onIt(scene: Scene, kind: Kind): Promise<[MutationName, string, Record<string, unknown>]> {
    const [name, input] = await commandOn(scene, kind, 'archive')
    return [name, 'operator', input]
  }
})
