// takeDown: a creative, a schedule, or every creative with a link leaves every node in one command, and stays away.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { finishRevocation } from '../../subgraphs/delivery/revocation.ts'
import { holdingStore } from '../support/interleave.ts'
import { everythingIn } from '../support/planning.ts'
import { startServingNode } from '../support/serving-node.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Taking down', (open) => {
  let store: ReturnType<typeof holdingStore>
  let flow: Workflow

  beforeAll(async () => {
    store = holdingStore(await open())
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const renewed = async (thing: Thing, change: Record<string, unknown>) => {
    await flow.revise(thing, change)
    return flow.approved(thing)
  }
  const takeDown = (target: object, more: object = {}) =>
    flow.run('takeDown', 'publisher', { ...target, reason: 'Wrong price', ...more })
  const refused = async (input: Record<string, unknown>) => {
    const before = await everythingIn(store)
    const failed = await flow.failure('takeDown', 'publisher', { reason: 'Wrong price', ...input })
    expect(await everythingIn(store)).toBe(before)
    return failed
  }
  const servedPins = async (slot: { code: string }) => pinsIn((await flow.served(slot.code))!)

  test('a creative leaves every slot: live, paused, in a fallback, at every revision, whatever drafts exist', async () => {
    const [bad, good] = [await flow.makeCreative(), await flow.makeCreative()]
    await flow.approved(bad)
    const live = await flow.makeLive({ creatives: [bad, good] })
    const paused = await flow.makeLive({ creatives: [bad] })
    await flow.run('pause', 'publisher', await flow.onSchedule(paused.schedule))
    await renewed(bad, { title: 'Second' })
    const second = await flow.makeLive({ creatives: [bad, good] }, { fallback: [bad.id] })
    await flow.revise(bad, { title: 'A draft' })

    const answer = await takeDown({ creative: bad.id })
    expect(answer).toMatchObject({
      reason: 'Wrong price',
      takenDownBy: 'publisher',
      creatives: [{ id: bad.id }],
      schedules: [second, paused, live].map(({ schedule }) => ({ id: schedule.id })),
      reviews: { length: 2 },
    })
    const slots = [live, paused, second].map(({ slot }) => slot.id).sort()
    expect(answer.publications.map(({ slot }: { slot: { id: string } }) => slot.id).sort()).toEqual(slots)
    for (const { slot } of [live, second]) expect(await servedPins(slot)).toContain(`${good.id}@1`)
    for (const { slot } of [live, paused, second]) {
      expect((await servedPins(slot)).filter((pin) => pin.startsWith(bad.id))).toEqual([])
    }
    // It does not come back, neither by resume nor by publish.
    for (const mutation of ['resume', 'publish'] as const) {
      const failed = await flow.failure(mutation, 'publisher', await flow.onSchedule(paused.schedule))
      expect(failed.code).toBe('INVALID_STATE')
    }
    // Only with a revision that is approved from now on.
    await flow.approved(bad)
    await flow.publish(paused.schedule)
    expect(await servedPins(paused.slot)).toContain(`${bad.id}@3`)
  })

  test('a schedule is withdrawn, and its approvals are revoked', async () => {
    const { slot, schedule } = await flow.makeLive()
    await renewed(schedule, { priority: 7 })
    const answer = await takeDown({ schedule: schedule.id })
    expect(answer).toMatchObject({ creatives: [], schedules: [{ id: schedule.id }], reviews: { length: 2 } })
    expect(await servedPins(slot)).toEqual([])
    expect(await flow.head(schedule)).toMatchObject({
      deliveryState: 'WITHDRAWN',
      pinned: null,
      reviewState: 'REJECTED',
    })
    for (const revision of [1, 2]) {
      const failed = await flow.failure('publish', 'publisher', await flow.onSchedule(schedule, { revision }))
      expect(failed.code).toBe('INVALID_STATE')
    }
  })

  test('every creative with such a link goes, by the link of the revision that is live; each slot is composed once', async () => {
    const slot = await flow.makeSlot()
    const linked = async (link: string | null) => flow.approved(await flow.makeCreative({ link }))
    const sale = await linked('https://shop.example/sale/1')
    const other = await linked('HTTPS://SHOP.EXAMPLE/Sale/2')
    const safe = await linked('https://shop.example/news')
    const trick = await linked('https://shopXexample/sale/3')
    const none = await linked(null)
    const schedule = await flow.approved(
      await flow.makeSchedule({ creatives: [sale, other, safe, trick, none], slot: slot.id }),
    )
    await flow.publish(schedule)
    await flow.revise(sale, { link: 'https://shop.example/news' }) // the draft has another link
    const { revision } = await flow.latest(slot.id)
    const answer = await takeDown({ links: { app: flow.app, prefix: 'https://shop.example/sale' } })
    const ids = (things: { id: string }[]) => things.map(({ id }) => id).sort()
    expect(ids(answer.creatives)).toEqual(ids([sale, other]))
    expect(answer.publications).toMatchObject([{ revision: revision + 1 }])
    expect(await servedPins(slot)).toEqual([schedule, safe, trick, none].map(({ id }) => `${id}@1`))
  })

  test('refuses what is not approved, not there, or not exactly one thing, and a prefix that says too little', async () => {
    const draft = await flow.makeCreative({ link: 'https://draft.example/' })
    expect(await refused({ creative: draft.id })).toMatchObject({ code: 'INVALID_STATE' })
    const links = { app: flow.app, prefix: 'https://draft.example' }
    expect(await refused({ links })).toMatchObject({ code: 'INVALID_STATE' })
    expect(await refused({ creative: 'cre_nothing' })).toMatchObject({ code: 'NOT_FOUND' })
    const { schedule } = await flow.makeLive()
    for (const input of [{}, { creative: draft.id, schedule: schedule.id }, { creative: schedule.id }]) {
      expect((await refused(input)).code).toBe('BAD_USER_INPUT')
    }
    for (const prefix of ['https://', 'https:', 'h', '', 'shop.example', `https://${'x'.repeat(2_000)}`]) {
      const failed = await refused({ links: { ...links, prefix } })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', extensions: { path: 'input.links.prefix' } })
    }
    const { version } = await flow.head(schedule)
    const stale = await refused({ schedule: schedule.id, expectedVersion: version + 1 })
    expect(stale).toMatchObject({ code: 'CONFLICT', extensions: { currentVersion: version } })
  })

  test('refuses more approvals than one command takes', async () => {
    const creative = await flow.approved(await flow.makeCreative({ link: 'https://many.example/' }))
    const [review] = await store.collection<{ _id: string; of: string }>('reviews').find({ of: `${creative.id}@1` })
    const copies = Array.from({ length: 200 }, (_, index) => ({
      ...review!,
      _id: `rev_copy_${index}`,
      revision: 1_000 + index,
      of: `${creative.id}@${1_000 + index}`,
    }))
    await store.transaction((tx) => tx.collection<{ _id: string }>('reviews').insertMany(copies))
    const failed = await refused({ creative: creative.id })
    expect(failed).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('more than 200') })
  })

  test('after a crash between the mark and the slots, the rest is finished, and names the takedown in the change log', async () => {
    const creative = await flow.makeCreative()
    const { slot } = await flow.makeLive({ creatives: [creative] })
    store.holdBefore('slotHeads', async () => {
      throw new Error('a crash')
    })
    expect((await flow.failure('takeDown', 'publisher', { creative: creative.id, reason: 'No' })).code).toBe('INTERNAL')
    expect(await servedPins(slot)).toContain(`${creative.id}@1`)
    const { _id } = await flow.reviewOf(creative, 1)
    await finishRevocation(flow.services, _id, null)
    expect(await servedPins(slot)).toEqual([])
    const changes = await store
      .collection<{ _id: string; mutation: string }>('changes')
      .find({ 'subject.id': slot.id } as never, { sort: { _id: -1 }, limit: 1 })
    expect(changes).toMatchObject([{ mutation: 'takeDown' }])
  })

  test('it answers when the last node dropped it, and null while a node may still serve it', async () => {
    const creative = await flow.makeCreative()
    const { schedule } = await flow.makeLive({ creatives: [creative] })
    const { id, droppedAt } = await takeDown({ creative: creative.id })
    expect(droppedAt).toBeNull() // no node is alive
    const node = await startServingNode(flow.services)
    try {
      const ask = () =>
        flow.subgraphs.delivery.must('viewer', `{ takedown(id: "${id}") { droppedAt schedules { id } } }`)
      let seen = await ask()
      for (let tries = 0; tries < 200 && seen.droppedAt === null; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        seen = await ask()
      }
      expect(seen).toEqual({ droppedAt: expect.any(String), schedules: [{ id: schedule.id }] })
      flow.clock.advance(60_000)
      expect(await ask()).toEqual(seen) // the first time that it was seen
    } finally {
      await node.stop()
    }
  })
})
