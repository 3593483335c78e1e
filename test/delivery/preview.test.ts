import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { readEventToken } from '../../engine/publication/event-token.ts'
import { CONSTRAINT_LIMITS } from '../../engine/targeting/check-constraint.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const PREVIEW = `query ($app: ID!, $slot: String!, $context: ContextInput, $at: DateTime, $include: [ID!]) {
  preview(app: $app, slot: $slot, context: $context, at: $at, include: $include) {
    slot at reason revision chance
    creatives { creative revision schedule title eventToken }
    schedules {
      schedule { id revision } included priority startsAt endsAt reason exclusive
      creative { creative revision title }
      constraint { path dimension operator values held }
      rollout { bucket buckets }
      cap { limit { count every unit } times }
    }
  }
}`

type Asked = { context?: object; at?: string | null; include?: string[]; app?: string; slot?: string }

describeEachStore('A preview', (open) => {
  let store: Store
  let flow: Workflow

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const tagged = (...values: string[]) => ({ dimension: 'tags', operator: 'IN', values })
  const variablesFor = ({ code }: { code: string }, asked: Asked) => {
    return { app: flow.app, slot: code, context: { userId: 'ann' }, ...asked }
  }

  function preview(slot: { code: string }, asked: Asked = {}, actor = 'viewer') {
    return flow.subgraphs.delivery.must(actor, PREVIEW, variablesFor(slot, asked))
  }

  /** The first error; `null`: without a token. */
  async function refusal(slot: { code: string }, asked: Asked, actor: string | null = 'viewer') {
    const { errors } = await flow.subgraphs.delivery.ask(actor ?? undefined, PREVIEW, variablesFor(slot, asked))
    const [error] = errors ?? []
    return { ...error?.extensions, code: error?.extensions?.code, message: error?.message }
  }

  /** Live in a slot of its own, or in the one that is named. */
  async function live(booking: Parameters<Workflow['makeSchedule']>[0] = {}) {
    const slot = await (booking.slot ? { id: booking.slot, code: '' } : flow.makeSlot())
    const schedule = await flow.approved(await flow.makeSchedule({ ...booking, slot: slot.id }))
    await flow.publish(schedule)
    return { slot, schedule }
  }

  const one = ({ id }: Thing, revision = 1) => ({ id, revision })

  test('without anything included is what is published, with its reasons and the revision it comes from', async () => {
    const { slot, schedule } = await live()
    const draft = await flow.makeSchedule({ slot: slot.id })
    const shown = await preview(slot)
    expect(shown).toMatchObject({ slot: slot.code, reason: 'MATCHED', revision: 1, chance: false })
    expect(shown.schedules).toMatchObject([{ schedule: one(schedule), included: false, reason: 'SHOWN' }])
    expect(shown.schedules[0].creative.creative).toBe(shown.creatives[0].creative)
    expect(new Date(shown.at).getTime()).toBe(flow.clock.now())

    await flow.run('pause', 'publisher', await flow.onSchedule(schedule))
    expect(await preview(slot)).toMatchObject({ reason: 'EMPTY', revision: 2, schedules: [] })
    expect((await preview(slot, { include: [draft.id] })).schedules).toMatchObject([{ schedule: one(draft) }])
  })

  test('shows a draft as if it were live, with creatives, strategy and segments that nobody has approved', async () => {
    const inner = await flow.makeSegment({ constraint: tagged('inner') })
    const outer = await flow.makeSegment({ constraint: { any: [tagged('outer'), { segment: inner.id }] } })
    const strategy = await flow.makeStrategy({ constraint: { all: [{ segment: outer.id }] } })
    const creative = await flow.makeCreative({ title: 'Not seen by anybody' })
    const { slot, schedule } = await live()
    const content = { priority: 5 }
    const draft = await flow.makeSchedule({ slot: slot.id, strategy, creatives: [creative], content })
    const asked = { include: [draft.id], context: { userId: 'ann', tags: ['inner'] } }

    const shown = await preview(slot, asked)
    expect(shown.creatives).toMatchObject([{ schedule: draft.id, title: 'Not seen by anybody' }])
    expect(shown.schedules).toMatchObject([
      { schedule: one(draft), included: true, reason: 'SHOWN', priority: 5 },
      { schedule: one(schedule), included: false, reason: 'CAPACITY' },
    ])
    const others = await preview(slot, { ...asked, context: { userId: 'ann', tags: ['x'] } })
    expect(others.schedules[0]).toMatchObject({
      reason: 'CONSTRAINT',
      constraint: { path: 'all[0].any[0]', ...tagged('outer'), held: ['x'] },
    })

    await flow.revise(inner, { constraint: tagged('second') })
    expect((await preview(slot, asked)).schedules[0]).toMatchObject({ reason: 'CONSTRAINT' })
    const renamed = await preview(slot, { ...asked, context: { userId: 'ann', tags: ['second'] } })
    expect(renamed.schedules[0]).toMatchObject({ reason: 'SHOWN' })
  })

  test('puts the newest revision of a live schedule in place of the one that is pinned', async () => {
    const creative = await flow.makeCreative({ title: 'First' })
    const { slot, schedule } = await live({ creatives: [creative] })
    await flow.revise(schedule, { priority: 9 })
    await flow.revise(creative, { title: 'Second' })
    expect(await preview(slot)).toMatchObject({
      creatives: [{ title: 'First', revision: 1 }],
      schedules: [{ schedule: one(schedule), included: false, priority: 0 }],
    })
    expect(await preview(slot, { include: [schedule.id, schedule.id] })).toMatchObject({
      creatives: [{ title: 'Second', revision: 2 }],
      schedules: [{ schedule: one(schedule, 2), included: true, priority: 9 }],
    })
  })

  test('at another instant shows the schedules that are open then', async () => {
    const [startsAt, endsAt] = [1, 2].map((days) => new Date(flow.clock.now() + days * DAY_MS).toISOString())
    const { slot, schedule } = await live({ content: { startsAt, endsAt } })
    const at = async (instant: string | null) => (await preview(slot, { at: instant })).schedules[0]
    expect(await at(null)).toMatchObject({ schedule: one(schedule), reason: 'WINDOW', startsAt, endsAt })
    expect(await at(startsAt!)).toMatchObject({ reason: 'SHOWN' })
    expect(await at(endsAt!)).toMatchObject({ reason: 'WINDOW' })
    const wednesday = { zone: 'UTC', dayParts: [{ days: ['WEDNESDAY'], from: '00:00', to: '24:00' }] }
    const draft = await flow.makeSchedule({ slot: slot.id, content: wednesday })
    const on = async (day: string) => (await preview(slot, { at: `${day}T12:00:00Z`, include: [draft.id] })).schedules
    const ofDraft = (reason: string) => expect.objectContaining({ schedule: one(draft), reason })
    expect(await on('2031-05-07')).toContainEqual(ofDraft('SHOWN'))
    expect(await on('2031-05-08')).toContainEqual(ofDraft('DAY_PART'))
  })

  test('explains rollouts and caps of drafts, and counts nothing', async () => {
    const slot = await flow.makeSlot()
    const caps = [{ count: 1, every: 1, unit: 'DAY' }]
    const out = await flow.makeStrategy({ rollout: { percentage: 0 } })
    const capped = await flow.makeStrategy({ caps })
    const include = [
      (await flow.makeSchedule({ slot: slot.id, strategy: out, content: { priority: 1 } })).id,
      (await flow.makeSchedule({ slot: slot.id, strategy: capped })).id,
    ]
    for (let times = 0; times < 2; times += 1) {
      expect((await preview(slot, { include })).schedules).toMatchObject([
        { reason: 'ROLLOUT', rollout: { bucket: expect.any(Number), buckets: 0 } },
        { reason: 'SHOWN' },
      ])
    }
  })

  test('of a slot in which nothing was published takes its settings as they are, and what is approved of its fallback', async () => {
    const fallback = await flow.makeCreative({ title: 'House' })
    const slot = await flow.makeSlot({ capacity: 2, fallback: [fallback.id] })
    expect(await preview(slot)).toMatchObject({ reason: 'EMPTY', revision: null, schedules: [] })
    await flow.approved(fallback)
    expect(await preview(slot)).toMatchObject({ reason: 'FALLBACK', revision: null, creatives: [{ title: 'House' }] })
    const include = [(await flow.makeSchedule({ slot: slot.id })).id, (await flow.makeSchedule({ slot: slot.id })).id]
    expect((await preview(slot, { include })).creatives).toHaveLength(2)
  })

  test('of a stopped slot says so, and of a slot whose settings are not published keeps to those that are', async () => {
    const { slot } = await live()
    await flow.run('updateSlot', 'operator', {
      ...{ id: slot.id, capacity: 3, expectedVersion: (await flow.onSlot(slot.id)).expectedVersion },
    })
    const include = [(await flow.makeSchedule({ slot: slot.id })).id]
    expect((await preview(slot, { include })).creatives).toHaveLength(1)
    await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
    expect(await preview(slot)).toMatchObject({ reason: 'STOPPED', creatives: [], schedules: [{ reason: 'STOPPED' }] })
  })

  test('leaves out revisions that are not approved any more, unless they are included', async () => {
    const { slot, schedule } = await live()
    await flow.revoke(schedule)
    expect((await preview(slot)).schedules).toEqual([])
    expect((await preview(slot, { include: [schedule.id] })).schedules).toMatchObject([{ reason: 'SHOWN' }])
  })

  test('writes nothing, and gives event tokens with which no event counts', async () => {
    const { slot, schedule } = await live()
    await flow.revise(schedule, { priority: 2 })
    const before = await everythingIn(store)
    const shown = await preview(slot, { include: [schedule.id] })
    expect((await everythingIn(store)) === before).toBe(true)
    expect(readEventToken(flow.services.keys, shown.creatives[0].eventToken)).toBeUndefined()
  })

  test('refuses what cannot be included, by its place in the list', async () => {
    const { slot, schedule } = await live()
    const elsewhere = await flow.makeSchedule()
    const app = flow.freshCode()
    await flow.run('createApp', 'operator', { code: app, name: 'Another app' })
    const there = await flow.run('createSlot', 'operator', { app, code: slot.code, name: 'A slot' })
    const creative = await flow.run('createCreative', 'operator', { app, content: { name: 'A', title: 'A' } })
    const content = { name: 'A schedule', creatives: [{ creative: creative.id }] }
    const foreign = await flow.run('createSchedule', 'operator', { app, slot: there.id, content })
    const including = (...include: string[]) => refusal(slot, { include })
    expect(await including(schedule.id, elsewhere.id)).toMatchObject({ code: 'BAD_USER_INPUT', path: 'include[1]' })
    expect(await including(schedule.id, 'sch_none')).toMatchObject({ code: 'NOT_FOUND', path: 'include[1]' })
    expect(await including(foreign.id)).toMatchObject({ code: 'NOT_FOUND', path: 'include[0]' })
    const tooMany = Array(51).fill(schedule.id)
    expect(await including(...tooMany)).toMatchObject({ code: 'BAD_USER_INPUT', path: 'include' })
    expect((await preview(slot, { include: tooMany.slice(1) })).reason).toBe('MATCHED')
  })

  test('refuses a draft whose strategy and segments are too large together', async () => {
    const segment = await flow.makeSegment()
    const many = Array.from({ length: CONSTRAINT_LIMITS.nodes / 2 }, () => tagged('other'))
    const strategy = await flow.makeStrategy({ constraint: { any: [...many, { segment: segment.id }] } })
    const slot = await flow.makeSlot()
    const include = [(await flow.makeSchedule({ slot: slot.id, strategy })).id]
    expect((await preview(slot, { include })).schedules).toMatchObject([{ reason: 'CONSTRAINT' }])
    await flow.revise(segment, { constraint: { any: many } })
    expect(await refusal(slot, { include })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('At the newest revisions the strategy'),
    })
  })

  test('needs a role in the app and an existing slot', async () => {
    const { slot } = await live()
    for (const role of ['viewer', 'operator', 'reviewer', 'publisher', 'admin']) {
      expect((await preview(slot, {}, role)).reason).toBe('MATCHED')
    }
    expect((await refusal(slot, {}, null)).code).toBe('UNAUTHENTICATED')
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    const headers = { authorization, requestId: 'test' }
    const { subgraph } = flow.subgraphs.delivery
    const { errors } = await subgraph.execute({ query: PREVIEW, variables: variablesFor(slot, {}) }, headers)
    expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    expect((await refusal({ code: 'none' }, {})).code).toBe('NOT_FOUND')
    expect(await refusal(slot, { context: { userId: 'x'.repeat(257) } })).toMatchObject({ path: 'context.userId' })
  })
})
