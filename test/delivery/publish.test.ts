import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { composeInNewEpoch } from '../../subgraphs/delivery/raise-epoch.ts'
import type { SchedulePin } from '../../subgraphs/delivery/repository.ts'
import { describeEachStore } from '../support/stores.ts'
import { pinsIn, startWorkflow, type Workflow } from '../support/workflow.ts'

describeEachStore('Publishing and withdrawing', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const ENTITIES = `query ($of: [_Any!]!) { _entities(representations: $of) {
    ... on Schedule { delivery { schedule { id revision } creatives { id } strategy { id } publishedBy } }
    ... on Slot { publication { id revision } } } }`
  const PUBLICATION = `query ($app: ID!, $slot: String!) { publication(app: $app, slot: $slot) {
    id revision entries { schedule { id } } app { id } slot { id } } }`

  const entities = (of: object[]) => flow.subgraphs.delivery.must('viewer', ENTITIES, { of })

  test('a published schedule is in the slot with all that it uses, as nodes read it', async () => {
    const caps = [{ count: 2, every: 1, unit: 'DAY' }]
    const slot = await flow.makeSlot({ capacity: 3, rotationSeconds: 60, maxStaleSeconds: 120, caps })
    const creative = await flow.makeCreative({ title: 'Sale', link: 'https://example.com/sale', data: { big: true } })
    const constraint = { dimension: 'tags', operator: 'IN', values: ['new'] }
    const rarely = [{ count: 1, every: 1, unit: 'LIFETIME' }]
    const strategy = await flow.makeStrategy({ constraint, caps: rarely })
    const content = {
      startsAt: '2026-06-01T00:00:00Z',
      endsAt: '2026-07-01T00:00:00Z',
      priority: 2,
      weight: 5,
      creatives: [{ creative: creative.id, weight: 7 }],
    }
    const schedule = await flow.approved(
      await flow.makeSchedule({ strategy, slot: slot.id, creatives: [creative], content }),
    )
    const publication = await flow.publish(schedule)
    expect(publication).toMatchObject({ revision: 1, epoch: store.epoch, publishedBy: 'publisher' })
    const body = await flow.latest(slot.id)
    expect(body).toEqual({
      kind: 'slot',
      app: flow.app,
      epoch: store.epoch,
      revision: 1,
      slot: { id: slot.id, code: slot.code, capacity: 3, rotationSeconds: 60, maxStaleSeconds: 120, caps },
      stopped: false,
      fallback: [],
      entries: [
        {
          schedule: { id: schedule.id, revision: 1 },
          strategy: { id: strategy.id, revision: 1 },
          segments: [],
          startsAt: Date.parse('2026-06-01T00:00:00Z'),
          endsAt: Date.parse('2026-07-01T00:00:00Z'),
          priority: 2,
          weight: 5,
          constraint,
          rollout: null,
          times: null,
          exclusive: false,
          caps: rarely,
          creatives: [
            {
              ...{ id: creative.id, revision: 1, title: 'Sale', text: null, image: null },
              ...{ link: 'https://example.com/sale', data: { big: true }, weight: 7 },
            },
          ],
        },
      ],
    })
    expect(await flow.served(slot.code)).toEqual(body)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'LIVE', version: 3 })
  })

  test('the error names everything without an approved revision, and nothing changes', async () => {
    const [good, bad] = [await flow.approved(await flow.makeCreative()), await flow.makeCreative()]
    const strategy = await flow.makeStrategy()
    const schedule = await flow.makeSchedule({ creatives: [good, bad], strategy })
    const { code, message, extensions } = await flow.failure('publish', 'publisher', await flow.onSchedule(schedule))
    expect(code).toBe('INVALID_STATE')
    expect(extensions.unapproved).toEqual([schedule.id, bad.id, strategy.id])
    expect(message).not.toContain(good.id)
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'NONE', version: 1 })
  })

  test('the newest approved revision of everything that the approved revision uses is pinned', async () => {
    const slot = await flow.makeSlot()
    const creative = await flow.makeCreative()
    const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id }))
    const other = await flow.approved(await flow.makeCreative())
    await flow.revise(schedule, { creatives: [{ creative: other.id, weight: 1 }] })
    await flow.revise(creative, { title: 'Second' })
    await flow.approved(creative)
    await flow.publish(schedule)
    expect(pinsIn(await flow.latest(slot.id))).toEqual([`${schedule.id}@1`, `${creative.id}@2`])
  })

  test('publishing one schedule leaves the pins of the others as they are', async () => {
    const slot = await flow.makeSlot()
    const creative = await flow.makeCreative()
    const first = await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id }))
    await flow.publish(first)
    await flow.revise(creative, { title: 'Second' })
    await flow.approved(creative)
    await flow.revise(first, { priority: 9 })
    await flow.approved(first)
    const second = await flow.approved(await flow.makeSchedule({ creatives: [creative], slot: slot.id }))
    await flow.publish(second)
    expect(pinsIn(await flow.latest(slot.id))).toEqual([
      `${first.id}@1`,
      `${creative.id}@1`,
      `${second.id}@1`,
      `${creative.id}@2`,
    ])
    await flow.publish(first)
    expect(pinsIn(await flow.latest(slot.id))).toEqual([
      `${first.id}@2`,
      `${creative.id}@2`,
      `${second.id}@1`,
      `${creative.id}@2`,
    ])
  })

  test('a withdrawn schedule is off the slot, and only publish brings it back', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    expect(await flow.failure('withdraw', 'publisher', await flow.onSchedule(schedule))).toMatchObject({
      code: 'INVALID_STATE',
    })
    await flow.publish(schedule)
    const publication = await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
    expect(publication).toMatchObject({ revision: 2, entries: [] })
    expect(await flow.served(slot.code)).toMatchObject({ revision: 2, entries: [] })
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'WITHDRAWN', version: 4 })
    expect(await flow.failure('withdraw', 'publisher', await flow.onSchedule(schedule))).toMatchObject({
      code: 'INVALID_STATE',
    })
    await flow.publish(schedule)
    expect(await flow.served(slot.code)).toMatchObject({ revision: 3, entries: [{ schedule: { id: schedule.id } }] })
  })

  test('schedules published in one slot at the same time are all in it, at revisions that rise by one', async () => {
    const slot = await flow.makeSlot()
    const creative = await flow.approved(await flow.makeCreative())
    const schedules = await Promise.all(
      Array.from({ length: 6 }, () => flow.makeSchedule({ slot: slot.id, creatives: [creative] })),
    )
    for (const schedule of schedules) await flow.approved(schedule)
    const made = await Promise.all(schedules.map((schedule) => flow.publish(schedule)))
    expect(made.map(({ revision }) => revision).sort()).toEqual([1, 2, 3, 4, 5, 6])
    const body = await flow.latest(slot.id)
    expect(body.entries.map(({ schedule }) => schedule.id).sort()).toEqual(schedules.map(({ id }) => id).sort())
    expect(await flow.served(slot.code)).toEqual(body)
  })

  test('a slot takes its capacity and its approved fallback by publishSlot, which names what lacks approval', async () => {
    const [good, bad] = [await flow.approved(await flow.makeCreative()), await flow.makeCreative()]
    const slot = await flow.makeSlot({ capacity: 2, fallback: [good.id, bad.id] })
    const refused = await flow.failure('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(refused).toMatchObject({ code: 'INVALID_STATE', extensions: { unapproved: [bad.id] } })
    await flow.approved(bad)
    const publication = await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(publication).toMatchObject({ revision: 1, entries: [], fallback: [{ id: good.id }, { id: bad.id }] })
    expect(await flow.served(slot.code)).toMatchObject({ slot: { capacity: 2 }, fallback: [{ title: 'Hello' }, {}] })
  })

  test('the first schedule published in a slot brings its capacity and what is approved of its fallback, later ones do not', async () => {
    const [good, bad] = [await flow.approved(await flow.makeCreative()), await flow.makeCreative()]
    const slot = await flow.makeSlot({ capacity: 2, fallback: [good.id, bad.id] })
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    expect(await flow.publish(schedule)).toMatchObject({ fallback: [{ id: good.id, revision: 1 }] })
    await flow.approved(bad)
    await flow.revise(good, { title: 'Second' })
    await flow.approved(good)
    expect(await flow.publish(schedule)).toMatchObject({ fallback: [{ id: good.id, revision: 1 }] })
    expect(await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))).toMatchObject({
      fallback: [
        { id: good.id, revision: 2 },
        { id: bad.id, revision: 1 },
      ],
    })
  })

  test('stale versions are conflicts, and what does not exist is not found', async () => {
    const schedule = await flow.approved(await flow.makeSchedule())
    const stale = await flow.onSchedule(schedule)
    await flow.publish(schedule)
    for (const mutation of ['publish', 'withdraw'] as const) {
      expect(await flow.failure(mutation, 'publisher', stale)).toMatchObject({
        code: 'CONFLICT',
        extensions: { currentVersion: 3 },
      })
      const none = { schedule: 'sch_none', expectedVersion: 1 }
      expect(await flow.failure(mutation, 'publisher', none)).toMatchObject({ code: 'NOT_FOUND' })
    }
    const slot = { slot: flow.slot.id, expectedVersion: 7 }
    expect(await flow.failure('publishSlot', 'publisher', slot)).toMatchObject({ code: 'CONFLICT' })
  })

  test('a repeat with the same key publishes nothing again', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    const input = await flow.onSchedule(schedule, { idempotencyKey: 'publish-once' })
    const first = await flow.run('publish', 'publisher', input)
    expect(await flow.run('publish', 'publisher', input)).toEqual(first)
    const off = await flow.onSchedule(schedule, { idempotencyKey: 'withdraw-once' })
    const second = await flow.run('withdraw', 'publisher', off)
    expect(await flow.run('withdraw', 'publisher', off)).toEqual(second)
    expect(await flow.latest(slot.id)).toMatchObject({ revision: 2 })
  })

  test('a slot takes a thousand schedules and no more, and says what to do', async () => {
    const slot = await flow.makeSlot()
    const creative = await flow.approved(await flow.makeCreative())
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id, creatives: [creative] }))
    await flow.publish(schedule)
    const pins = store.collection<SchedulePin>('pins')
    const pin = (await pins.findOne({ _id: schedule.id }))!
    await pins.insertMany(Array.from({ length: 999 }, (_, index) => ({ ...pin, _id: `sch_copy-${index}` })))
    await flow.publish(schedule)
    expect((await flow.latest(slot.id)).entries).toHaveLength(1000)
    const another = await flow.approved(await flow.makeSchedule({ slot: slot.id, creatives: [creative] }))
    const { code, message } = await flow.failure('publish', 'publisher', await flow.onSchedule(another))
    expect(code).toBe('LIMIT_EXCEEDED')
    expect(message).toMatch(/1001 schedules.*1000.*withdraw/)
    expect(await flow.head(another)).toMatchObject({ deliveryState: 'NONE' })
  })

  test('a publication has at most 2 MB', async () => {
    const slot = await flow.makeSlot()
    const creatives = []
    for (let count = 0; count < 45; count++) creatives.push(await flow.makeCreative({ data: 'x'.repeat(16_000) }))
    const schedules = []
    for (let count = 0; count < 3; count++) schedules.push(await flow.makeSchedule({ slot: slot.id, creatives }))
    for (const schedule of schedules) await flow.approved(schedule)
    for (const schedule of schedules.slice(0, 2)) await flow.publish(schedule)
    const { code, message } = await flow.failure('publish', 'publisher', await flow.onSchedule(schedules[2]!))
    expect(code).toBe('LIMIT_EXCEEDED')
    expect(message).toMatch(/2097152.*withdraw/)
  })

  test('only the last ten publications of a slot keep their body, all keep their pins', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    for (let count = 0; count < 12; count++) await flow.publish(schedule)
    const rows = store.collection<{ _id: string; revision: number; body: object | null; pins: { entries: object[] } }>(
      'publications',
    )
    const all = await rows.find({ slot: slot.id } as never, { sort: { revision: 1 } })
    expect(all.filter(({ body }) => body === null).map(({ revision }) => revision)).toEqual([1, 2])
    expect(all.every(({ pins }) => pins.entries.length === 1)).toBe(true)
  })

  test('a process that still works in an older epoch lowers no publication', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(schedule)
    const { epoch } = await composeInNewEpoch(store, flow.services.now, () => {})
    expect(epoch).toBeGreaterThan(store.epoch)
    await flow.publish(schedule)
    expect(await flow.latest(slot.id)).toMatchObject({ epoch, revision: 3 })
    expect(await flow.served(slot.code)).toMatchObject({ epoch, revision: 3 })
  })

  test('schedules say where they stand and slots what they serve', async () => {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    const of = [
      { __typename: 'Schedule', id: schedule.id },
      { __typename: 'Slot', id: slot.id },
    ]
    expect(await entities(of)).toEqual([{ delivery: null }, { publication: null }])
    const ask = { app: flow.app, slot: slot.code }
    expect(await flow.subgraphs.delivery.must('viewer', PUBLICATION, ask)).toBeNull()
    const { id } = await flow.publish(schedule)
    expect(await entities(of)).toMatchObject([
      { delivery: { schedule: { id: schedule.id, revision: 1 }, strategy: null, publishedBy: 'publisher' } },
      { publication: { id, revision: 1 } },
    ])
    const publication = await flow.subgraphs.delivery.must('viewer', PUBLICATION, ask)
    expect(publication).toMatchObject({ id, app: { id: flow.app }, slot: { id: slot.id }, entries: [{}] })
    await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
    expect((await entities(of))[0]).toEqual({ delivery: null })
  })
})
