import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { schedules } from '../../subgraphs/schedule/repository.ts'
import {
  failure,
  freshCode,
  type Input,
  idIn,
  makeApp,
  makeCreative,
  makeSlot,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const SLOT = `query ($id: ID!) { slot(id: $id) {
  version code name capacity rotationSeconds fallback { id } format { required } archivedAt } }`
const SCHEDULE = `query ($id: ID!) { schedule(id: $id) { version revision slot { id } name creatives { creative { id } weight }
  strategy { id } startsAt endsAt priority weight reviewState deliveryState createdBy } }`

describeEachStore('Patches of slots, and copies of schedules', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })
  afterAll(() => planning.stop())

  const readSlot = (id: string) => planning.schedule.must('viewer', SLOT, { id })
  const read = (id: string) => planning.schedule.must('viewer', SCHEDULE, { id })

  test('a patch of a slot changes what it names; null takes the default; the code never changes', async () => {
    const creative = await makeCreative(planning, app, { text: 'T' })
    const code = freshCode()
    const format = { required: ['TEXT'] }
    const chosen = { name: 'A slot', capacity: 3, rotationSeconds: 60, fallback: [creative], format }
    const id = await makeSlot(planning, app, { code, ...chosen })
    const whole = { version: 1, code, ...chosen, fallback: [{ id: creative }], archivedAt: null }
    const patch = async (expectedVersion: number, fields: Input) => {
      await run(planning, 'updateSlot', { id, expectedVersion, ...fields })
      return readSlot(id)
    }
    expect(await patch(1, { capacity: 5 })).toEqual({ ...whole, version: 2, capacity: 5 })
    expect(await patch(2, {})).toEqual({ ...whole, version: 2, capacity: 5 })
    const cleared = { capacity: 1, rotationSeconds: 86_400, fallback: [], format: null }
    const nulls = { capacity: null, rotationSeconds: null, fallback: null, format: null }
    expect(await patch(2, nulls)).toEqual({ ...whole, version: 3, ...cleared })
    for (const name of [null, '', ' ']) {
      const failed = await failure(planning, 'updateSlot', { id, expectedVersion: 3, name })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.name' })
    }
    const coded = await planning.schedule.codeOf(
      'admin',
      'mutation ($input: UpdateSlotInput!) { updateSlot(input: $input) { id } }',
      { input: { id, expectedVersion: 4, code: 'other' } },
    )
    expect(coded).toBe('BAD_USER_INPUT')
  })

  test('for an idempotency key, a field that is left out differs from its default, and null equals the default', async () => {
    const id = await makeSlot(planning, app, { capacity: 7 })
    const call = { id, expectedVersion: 1, name: 'Anew', idempotencyKey: 'patch' }
    await run(planning, 'updateSlot', { ...call, capacity: null })
    expect(await run(planning, 'updateSlot', { ...call, capacity: 1 })).toMatchObject({ version: 2 })
    expect(await failure(planning, 'updateSlot', call)).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
  })

  test('of two patches on different fields at the same time, only one succeeds', async () => {
    const id = await makeSlot(planning, app)
    const patches = [{ capacity: 2 }, { rotationSeconds: 90 }]
    const outcomes = await Promise.allSettled(
      patches.map((patch) => run(planning, 'updateSlot', { id, expectedVersion: 1, ...patch })),
    )
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('a copy is a new draft of the newest content, in its own slot unless another is named', async () => {
    const [first, creative] = [await makeCreative(planning, app), await makeCreative(planning, app)]
    const strategy = await makeStrategy(planning, app)
    const slot = await makeSlot(planning, app)
    const old = { name: 'Old', creatives: [{ creative: first }] }
    const id = idIn(await run(planning, 'createSchedule', { app, slot, content: old }))
    const content = {
      ...{ name: 'Spring', creatives: [{ creative, weight: 3 }], strategy, priority: 5, weight: 9 },
      ...{ startsAt: '2026-06-01T00:00:00.000Z', endsAt: '2026-07-01T00:00:00.000Z' },
    }
    await run(planning, 'reviseSchedule', { id, expectedVersion: 1, content })
    await store.transaction(async (tx) => {
      await schedules.transition(tx, { id, revision: 2 }, 'APPROVED')
      await schedules.setMore(tx, id, { deliveryState: 'LIVE' })
    })
    const copy = idIn(await run(planning, 'duplicateSchedule', { id, expectedVersion: 2 }, 'operator-two'))
    const expected = {
      ...{ ...content, creatives: [{ creative: { id: creative }, weight: 3 }], strategy: { id: strategy } },
      ...{ version: 1, revision: 1, reviewState: 'DRAFT', deliveryState: 'NONE', createdBy: 'operator-two' },
    }
    expect(await read(copy)).toEqual({ ...expected, name: 'Spring (copy)', slot: { id: slot } })
    expect(await read(id)).toMatchObject({ version: 2, deliveryState: 'LIVE' })
    const [entry] = await store.collection<Change>('changes').find({ 'subject.id': copy })
    expect(entry).toMatchObject({ mutation: 'duplicateSchedule', before: null, after: { copyOf: { id, revision: 2 } } })

    const other = await makeSlot(planning, app)
    const named = { id, expectedVersion: 2, slot: other, name: 'Summer' }
    const second = idIn(await run(planning, 'duplicateSchedule', named))
    expect(await read(second)).toMatchObject({ name: 'Summer', slot: { id: other } })
  })

  test('the name of a copy is cut, between characters, so that it fits', async () => {
    const copyOf = async (name: string) => {
      const slot = await makeSlot(planning, app)
      const content = { name, creatives: [{ creative: await makeCreative(planning, app) }] }
      const id = idIn(await run(planning, 'createSchedule', { app, slot, content }))
      const { name: copied } = await run(planning, 'duplicateSchedule', { id, expectedVersion: 1, name: '' })
      return copied
    }
    expect(await copyOf('x'.repeat(193))).toBe(`${'x'.repeat(193)} (copy)`)
    expect(await copyOf('x'.repeat(200))).toBe(`${'x'.repeat(193)} (copy)`)
    expect(await copyOf('🛒'.repeat(193))).toBe(`${'🛒'.repeat(193)} (copy)`)
    expect(await copyOf('🛒'.repeat(200))).toBe(`${'🛒'.repeat(193)} (copy)`)
    const family = '👨‍👩‍👧'
    expect(await copyOf(`x${family.repeat(39)}`)).toBe(`x${family.repeat(38)} (copy)`)
  })

  test('a copy is not booked in a slot of another app, nor from a version that has changed', async () => {
    const slot = await makeSlot(planning, app)
    const content = { name: 'S', creatives: [{ creative: await makeCreative(planning, app) }] }
    const id = idIn(await run(planning, 'createSchedule', { app, slot, content }))
    const stranger = await makeSlot(planning, await makeApp(planning))
    for (const where of [stranger, 'slt_no']) {
      const failed = await failure(planning, 'duplicateSchedule', { id, expectedVersion: 1, slot: where })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.slot' })
    }
    await run(planning, 'reviseSchedule', { id, expectedVersion: 1, content: { ...content, name: 'Anew' } })
    const stale = await failure(planning, 'duplicateSchedule', { id, expectedVersion: 1 })
    expect(stale).toMatchObject({ code: 'CONFLICT', currentVersion: 2 })
    expect(await failure(planning, 'duplicateSchedule', { id: 'sch_no', expectedVersion: 1 })).toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
