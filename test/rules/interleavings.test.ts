// What must hold whichever command comes in between: each interleaving on purpose, then many freely.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { contentHash } from '../../common/base/content-hash.ts'
import { reviews, type SubjectKind } from '../../subgraphs/audit/repository.ts'
import { subjectRepositories } from '../../subgraphs/audit/subjects.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { type HoldingStore, holdingStore } from '../support/interleave.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Commands that come in between', (open) => {
  let flow: Workflow
  let store: HoldingStore

  beforeAll(async () => {
    store = holdingStore(await open())
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  test('an approval taken back while it is being published: the publish finds it gone, and nothing is served', async () => {
    for (const kind of ['creative', 'strategy', 'segment', 'schedule'] as const) {
      const [slot, creative, segment] = [await flow.makeSlot(), await flow.makeCreative(), await flow.makeSegment()]
      const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
      const schedule = await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id })
      await flow.approved(schedule)
      const revoked = { creative, strategy, segment, schedule }[kind]
      const input = await flow.onSchedule(schedule)
      store.holdBefore('reviews', () => flow.revoke(revoked))
      expect(await flow.failure('publish', 'publisher', input)).toMatchObject({
        code: 'INVALID_STATE',
        extensions: { unapproved: [revoked.id] },
      })
      expect(store.held()).toBe(true)
      expect(await flow.served(slot.code)).toBeNull()
    }
  })

  test('a fallback taken back while its slot is being published is not served', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    const slot = await flow.makeSlot({ fallback: [creative.id] })
    const input = await flow.onSlot(slot.id)
    store.holdBefore('reviews', () => flow.revoke(creative))
    expect(await flow.failure('publishSlot', 'publisher', input)).toMatchObject({ code: 'INVALID_STATE' })
    expect(store.held()).toBe(true)

    const other = await flow.approved(await flow.makeCreative())
    const first = await flow.makeSlot({ fallback: [other.id] })
    const schedule = await flow.approved(await flow.makeSchedule({ slot: first.id }))
    store.holdBefore('reviews', () => flow.revoke(other))
    await flow.publish(schedule)
    expect(store.held()).toBe(true)
    expect(await flow.served(first.code)).toMatchObject({ fallback: [], entries: [{}] })
  })

  test("another's approval taken back while a slot is being composed is left out", async () => {
    const slot = await flow.makeSlot()
    const creative = await flow.makeCreative()
    await flow.publish(await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id })))
    const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    store.holdBefore('slotHeads', () => flow.revoke(creative))
    await flow.publish(other)
    expect(store.held()).toBe(true)
    const body = await flow.latest(slot.id)
    expect(body.entries.map(({ schedule }) => schedule.id)).toEqual([other.id])
    expect(await flow.served(slot.code)).toEqual(body)
  })

  test('a schedule published anew while its old revision is being revoked stays, at its new revision', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(schedule)
    await flow.revise(schedule, { priority: 4 })
    await flow.approved(schedule)
    const input = await flow.onReview(schedule, 1)
    store.holdBefore('pins', () => flow.publish(schedule))
    await flow.run('revokeApproval', 'publisher', input)
    expect(store.held()).toBe(true)
    expect((await flow.latest(slot.id)).entries).toMatchObject([{ schedule: { id: schedule.id, revision: 2 } }])
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'LIVE' })
  })

  test('a revocation cut off between two slots is finished by reconciliation, which composes each slot once', async () => {
    const creative = await flow.makeCreative()
    const slots = [await flow.makeSlot(), await flow.makeSlot()]
    for (const { id } of slots) {
      await flow.publish(await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: id })))
    }
    const crash = async () => {
      throw new Error('a crash')
    }
    store.holdBefore('slotHeads', async () => store.holdBefore('slotHeads', crash))
    expect(await flow.failure('revokeApproval', 'publisher', await flow.onReview(creative))).toMatchObject({
      code: 'INTERNAL',
    })
    const revisions = async () => Promise.all(slots.map(async ({ id }) => (await flow.latest(id)).revision))
    expect((await revisions()).sort()).toEqual([1, 2])
    const reconciliation = startReconciliation(flow.services)
    expect(await reconciliation.runOnce()).toMatchObject({ revocations: 1, error: null })
    await reconciliation.stop()
    expect(await revisions()).toEqual([2, 2])
    for (const { code } of slots) expect(await flow.served(code)).toMatchObject({ entries: [] })
  })

  test('a schedule published while another of its slot is being withdrawn is in it', async () => {
    const slot = await flow.makeSlot()
    const [going, coming] = [await flow.makeSchedule({ slot: slot.id }), await flow.makeSchedule({ slot: slot.id })]
    for (const schedule of [going, coming]) await flow.approved(schedule)
    await flow.publish(going)
    const input = await flow.onSchedule(going)
    store.holdBefore('slotHeads', () => flow.publish(coming))
    await flow.run('withdraw', 'publisher', input)
    expect(store.held()).toBe(true)
    expect(await flow.latest(slot.id)).toMatchObject({ revision: 3, entries: [{ schedule: { id: coming.id } }] })
    expect(await flow.served(slot.code)).toEqual(await flow.latest(slot.id))
  })

  test('a revision written while its predecessor is being approved supersedes it', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.onAll(await flow.submit(creative))
    store.holdBefore('creatives', () => flow.revise(creative, { title: 'Anew' }))
    const { code, message } = await flow.failure('approve', 'reviewer', input)
    expect(store.held()).toBe(true)
    expect([code, message]).toEqual(['INVALID_STATE', expect.stringContaining('SUPERSEDED')])
    expect(await flow.head(creative)).toMatchObject({ revision: 2, reviewState: 'DRAFT' })
  })

  test('a creative revised while its schedule is being submitted is submitted as revised', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    const input = await flow.submission(schedule)
    store.holdBefore('reviews', () => flow.revise(creative, { title: 'Anew' }))
    await flow.run('submitForReview', 'operator', input)
    expect(store.held()).toBe(true)
    expect(await flow.reviewOf(creative, 2)).toMatchObject({ state: 'OPEN' })
    await expect(flow.reviewOf(creative, 1)).rejects.toThrow('no review')
  })

  test('publish and revoke, fifty times freely: what was revoked is never in the latest publication', async () => {
    const slot = await flow.makeSlot()
    const other = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    for (let round = 0; round < 50; round++) {
      const creative = await flow.makeCreative()
      const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id }))
      const revoked = round % 2 === 0 ? creative : schedule
      const results = await Promise.allSettled([
        flow.publish(schedule),
        pause(round % 5).then(() => flow.revoke(revoked)),
        flow.publish(other),
      ])
      expect(results.slice(1).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
      const body = await flow.latest(slot.id)
      expect(pinsIn(body)).not.toContain(`${revoked.id}@1`)
      expect(body.entries.map(({ schedule: pin }) => pin.id)).toEqual([other.id])
      expect(await flow.served(slot.code)).toEqual(body)
    }
  }, 60_000)

  test('whatever several people do at once, only approved revisions are served, with the content that was approved', async () => {
    const slots = [await flow.makeSlot(), await flow.makeSlot()]
    const random = seeded(20_260_501)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
    const onSchedule = (name: 'pause' | 'resume' | 'withdraw') => async (_: Thing, schedule: Thing) =>
      flow.run(name, 'publisher', await flow.onSchedule(schedule))
    const onSlot = (name: 'publishSlot' | 'stopSlot' | 'restartSlot') => async () =>
      flow.run(name, 'publisher', await flow.onSlot(pick(slots).id))
    const submitted: string[] = []
    const actions: ((thing: Thing, schedule: Thing) => Promise<unknown>)[] = [
      (thing) => flow.revise(thing, { name: `Renamed ${random()}` }),
      async (thing) => {
        await flow.revise(thing, { name: `Submitted ${random()}` })
        submitted.push(await flow.submit(thing))
      },
      async () => flow.approve(submitted.at(-1)!),
      async () => flow.approve(pick(submitted.slice(-3)), 'reviewer-2'),
      (thing) => flow.revoke(thing),
      (_, schedule) => flow.publish(schedule),
      (_, schedule) => flow.publish(schedule, 'publisher-2'),
      onSchedule('pause'),
      onSchedule('resume'),
      onSchedule('withdraw'),
      onSlot('publishSlot'),
      onSlot('stopSlot'),
      onSlot('restartSlot'),
    ]
    const did = new Set<number>()
    let served = 0
    for (let round = 0, scene = await makeScene(slots); round < 80; round++) {
      // Now and then new things: what was revoked of the old ones leaves ever less to publish.
      if (round % 10 === 9) scene = await makeScene(slots)
      const { things, schedules } = scene
      const chosen = Array.from({ length: 5 }, () => Math.floor(random() * actions.length))
      const results = await Promise.allSettled(chosen.map((index) => actions[index]!(pick(things), pick(schedules))))
      for (const [at, { status }] of results.entries()) if (status === 'fulfilled') did.add(chosen[at]!)
      for (const slot of slots) served += await expectApprovedOnly(slot)
    }
    expect([...did].sort((a, b) => a - b)).toEqual(actions.map((_, index) => index))
    expect(served).toBeGreaterThan(0)
  }, 120_000)

  /** Four live schedules in two slots, which share creatives, strategies and segments, and all of these things. */
  async function makeScene(slots: readonly { id: string }[]): Promise<{ things: Thing[]; schedules: Thing[] }> {
    const creatives = [await flow.makeCreative(), await flow.makeCreative(), await flow.makeCreative()]
    const segments = [await flow.makeSegment(), await flow.makeSegment()]
    const strategies: Thing[] = []
    for (const { id } of segments) strategies.push(await flow.makeStrategy({ constraint: { segment: id } }))
    const schedules: Thing[] = []
    for (let index = 0; index < 4; index++) {
      const booked = [creatives[index % 3]!, creatives[(index + 1) % 3]!]
      const [strategy, slot] = [strategies[index % 2]!, slots[index % 2]!.id]
      schedules.push(await flow.approved(await flow.makeSchedule({ creatives: booked, strategy, slot })))
      await flow.publish(schedules[index]!)
    }
    return { things: [...creatives, ...segments, ...strategies, ...schedules], schedules }
  }

  /** The number of pins that a slot serves, each checked against its review and its stored content. */
  async function expectApprovedOnly(slot: { id: string; code: string }): Promise<number> {
    const body = await flow.served(slot.code)
    if (!body) return 0
    expect(body).toEqual(await flow.latest(slot.id))
    const kinds: Record<string, SubjectKind> = { sch: 'SCHEDULE', cre: 'CREATIVE', str: 'STRATEGY', seg: 'SEGMENT' }
    const pins = pinsIn(body).map((text) => ({ id: text.split('@')[0]!, revision: Number(text.split('@')[1]) }))
    for (const pin of pins) {
      const [review] = await reviews.at(store, [pin])
      const [revision] = await subjectRepositories[kinds[pin.id.slice(0, 3)]!].atPins(store, [pin])
      expect(review).toMatchObject({ state: 'APPROVED', hash: contentHash(revision!.content) })
    }
    for (const { schedule } of body.entries) {
      expect(await flow.head({ type: 'SCHEDULE', id: schedule.id })).toMatchObject({ deliveryState: 'LIVE' })
    }
    return pins.length
  }
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Numbers in [0, 1), the same ones every time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
