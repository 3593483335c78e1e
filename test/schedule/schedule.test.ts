import { beforeAll, expect, test } from '@jest/globals'
import { contentHash } from '../../common/base/content-hash.ts'
import type { Store } from '../../common/store/store.ts'
import { schedules } from '../../subgraphs/schedule/repository.ts'
import { inputFor } from '../support/mutation-inputs.ts'
import {
  failure,
  type Input,
  makeApp,
  makeCreative,
  makeSchedule,
  makeSlot,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const SCHEDULE = `query ($id: ID!) { schedule(id: $id) {
  id version revision app { id name } slot { id code } name creatives { creative { id } weight } strategy { id }
  startsAt endsAt priority weight zone dayParts { days from to } excludedDates recurrence exclusive reviewState deliveryState createdAt createdBy updatedAt } }`
const REVISION = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on ScheduleRevision { id revision content hash author writtenAt schedule { revision } } } }`
const LIST = `query ($app: ID!, $filter: ScheduleFilter) { schedules(app: $app, filter: $filter) { nodes { id } } }`

describeEachStore('Schedules', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  let slot: string
  let creative: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    slot = await makeSlot(planning, app)
    creative = await makeCreative(planning, app)
  })

  const read = (id: string) => planning.schedule.must('viewer', SCHEDULE, { id })
  const book = (content: Input, more: Input = {}) =>
    run(planning, 'createSchedule', {
      app,
      slot,
      content: { name: 'S', creatives: [{ creative }], ...content },
      ...more,
    })
  const refused = (content: Input, more: Input = {}) =>
    failure(planning, 'createSchedule', {
      ...{ app, slot, content: { name: 'S', creatives: [{ creative }], ...content } },
      ...more,
    })

  test('a schedule is booked as a draft, and what is left out has its default', async () => {
    const { id } = await book({})
    expect(id).toMatch(/^sch_[0-9a-f-]{36}$/)
    const at = new Date(planning.clock.now()).toISOString()
    expect(await read(id)).toEqual({
      ...{
        id,
        version: 1,
        revision: 1,
        app: { id: app, name: 'An app' },
        slot: { id: slot, code: expect.any(String) },
      },
      ...{ name: 'S', creatives: [{ creative: { id: creative }, weight: 1 }], strategy: null },
      ...{ startsAt: null, endsAt: null, priority: 0, weight: 1, reviewState: 'DRAFT', deliveryState: 'NONE' },
      ...{ zone: 'UTC', dayParts: [], excludedDates: [], recurrence: null, exclusive: false },
      ...{ createdAt: at, createdBy: 'admin', updatedAt: at },
    })
  })

  test('null means the same as a field that is left out', async () => {
    const { id } = await book({
      ...{ strategy: null, startsAt: null, endsAt: null, priority: null, weight: null },
      creatives: [{ creative, weight: null }],
    })
    expect(await read(id)).toMatchObject({ priority: 0, weight: 1, creatives: [{ weight: 1 }] })
  })

  test('times are kept in UTC, whatever offset they were given in', async () => {
    const { id } = await book({ startsAt: '2026-06-01T00:00:00+08:00', endsAt: '2026-06-02T00:00:00Z' })
    const times = { startsAt: '2026-05-31T16:00:00.000Z', endsAt: '2026-06-02T00:00:00.000Z' }
    expect(await read(id)).toMatchObject(times)
    const [revision] = await schedules.atPins(store, [{ id, revision: 1 }])
    expect(revision!.content.startsAt).toEqual(new Date(times.startsAt))
  })

  test('a window ends after it starts', async () => {
    for (const endsAt of ['2026-06-01T00:00:00Z', '2026-05-31T23:59:59.999Z']) {
      const failed = await refused({ startsAt: '2026-06-01T00:00:00Z', endsAt })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.endsAt' })
    }
    await book({ startsAt: '2026-06-01T00:00:00Z', endsAt: '2026-06-01T00:00:00.001Z' })
    await book({ endsAt: '2020-01-01T00:00:00Z' })
  })

  test('a revision replaces the whole content but not the slot, and the one before stays as it was', async () => {
    const strategy = await makeStrategy(planning, app)
    const { id } = await book({ strategy, priority: 5, startsAt: '2026-06-01T00:00:00Z' })
    const made = planning.clock.now()
    planning.clock.advance(1_000)
    const second = await makeCreative(planning, app)
    const content = { name: 'Anew', creatives: [{ creative: second, weight: 3 }, { creative }] }
    await run(planning, 'reviseSchedule', { id, expectedVersion: 1, content }, 'operator-two')
    expect(await read(id)).toMatchObject({
      ...{ version: 2, revision: 2, slot: { id: slot }, name: 'Anew', strategy: null, priority: 0, startsAt: null },
      creatives: [
        { creative: { id: second }, weight: 3 },
        { creative: { id: creative }, weight: 1 },
      ],
    })
    const representations = [{ __typename: 'ScheduleRevision', id, revision: 1 }]
    const [first] = await planning.schedule.must('reviewer', REVISION, { representations })
    const startsAt = '2026-06-01T00:00:00.000Z'
    const times = { zone: 'UTC', dayParts: [], excludedDates: [], recurrence: null, exclusive: false }
    const before = { name: 'S', creatives: [{ creative, weight: 1 }], strategy, startsAt, endsAt: null, ...times }
    expect(first).toEqual({
      ...{ id, revision: 1, content: { ...before, priority: 5, weight: 1 }, hash: contentHash(first.content) },
      ...{ author: 'admin', writtenAt: new Date(made).toISOString(), schedule: { revision: 2 } },
    })
  })

  test('a live schedule stays live when it is revised: only its newest revision is a draft', async () => {
    const { id } = await book({})
    await store.transaction(async (tx) => {
      await schedules.transition(tx, { id, revision: 1 }, 'APPROVED')
      await schedules.setMore(tx, id, { deliveryState: 'LIVE' })
    })
    const content = { name: 'Anew', creatives: [{ creative }] }
    await run(planning, 'reviseSchedule', { id, expectedVersion: 1, content })
    expect(await read(id)).toMatchObject({ reviewState: 'DRAFT', deliveryState: 'LIVE', version: 2 })
  })

  test('everything that it refers to must exist in its own app, and the error lists all that does not', async () => {
    const elsewhere = await makeApp(planning)
    const strangers = {
      slot: await makeSlot(planning, elsewhere),
      creative: await makeCreative(planning, elsewhere),
      strategy: await makeStrategy(planning, elsewhere),
    }
    for (const missing of [strangers, { slot: 'slt_no', creative: 'cre_no', strategy: 'str_no' }]) {
      const cases = [
        { failed: await refused({}, { slot: missing.slot }), path: 'input.slot', id: missing.slot },
        {
          failed: await refused({ creatives: [{ creative }, { creative: missing.creative }] }),
          ...{ path: 'input.content.creatives[1].creative', id: missing.creative },
        },
        {
          failed: await refused({ strategy: missing.strategy }),
          ...{ path: 'input.content.strategy', id: missing.strategy },
        },
      ]
      for (const { failed, path, id } of cases) {
        expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path })
        expect(failed.message).toContain(id)
      }
      const revision = { ...(await inputFor(planning, 'reviseSchedule', app, { strategy: missing.strategy })) }
      expect(await failure(planning, 'reviseSchedule', revision)).toMatchObject({ path: 'input.content.strategy' })
    }
  })

  test('it books 1 to 50 creatives, each once', async () => {
    const many = await Promise.all(Array.from({ length: 51 }, () => makeCreative(planning, app)))
    const booked = many.map((id) => ({ creative: id }))
    await book({ creatives: booked.slice(1) })
    const path = 'input.content.creatives'
    expect(await refused({ creatives: booked })).toMatchObject({ code: 'BAD_USER_INPUT', path })
    expect(await refused({ creatives: [] })).toMatchObject({ code: 'BAD_USER_INPUT', path })
    const twice = [booked[0]!, booked[1]!, { ...booked[0]!, weight: 2 }]
    expect(await refused({ creatives: twice })).toMatchObject({ path: `${path}[2].creative` })
  })

  test('a list is narrowed by slot and states', async () => {
    const other = await makeApp(planning)
    const place = await makeSlot(planning, other)
    const live = await makeSchedule(planning, other)
    planning.clock.advance(1)
    const content = { name: 'S', creatives: [{ creative: await makeCreative(planning, other) }] }
    const { id: placed } = await run(planning, 'createSchedule', { app: other, slot: place, content })
    await store.transaction(async (tx) => {
      await schedules.transition(tx, { id: live, revision: 1 }, 'APPROVED')
      await schedules.setMore(tx, live, { deliveryState: 'LIVE' })
    })
    const list = async (filter: Input | null) => {
      const { nodes } = await planning.schedule.must('viewer', LIST, { app: other, filter })
      return nodes.map(({ id }: { id: string }) => id)
    }
    expect(await list(null)).toEqual([placed, live])
    expect(await list({ slot: null, reviewStates: null })).toEqual([placed, live])
    expect(await list({ slot: place })).toEqual([placed])
    expect(await list({ reviewStates: ['APPROVED', 'REJECTED'] })).toEqual([live])
    expect(await list({ deliveryStates: ['NONE'] })).toEqual([placed])
    expect(await list({ slot: place, deliveryStates: ['LIVE'] })).toEqual([])
    expect(await list({ reviewStates: [] })).toEqual([])
  })
})
