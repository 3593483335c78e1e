import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { schedules } from '../../subgraphs/schedule/repository.ts'
import type { PlanningMutation } from '../support/mutation-inputs.ts'
import {
  everythingIn,
  failure,
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

const SCHEDULE = 'query ($id: ID!) { schedule(id: $id) { version revision deliveryState reviewState archivedAt } }'
const SLOT = 'query ($id: ID!) { slot(id: $id) { version archivedAt fallback { id } } }'

describeEachStore('Archiving slots and schedules', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })
  afterAll(() => planning.stop())

  const archive = (mutation: PlanningMutation, id: string, expectedVersion = 1, confirmLive?: boolean) =>
    run(planning, mutation, { id, expectedVersion, ...(confirmLive ? { confirmLive } : {}) })
  const booking = (creatives: string[], strategy?: string) => ({
    name: 'S',
    creatives: creatives.map((creative) => ({ creative })),
    strategy,
  })
  const book = async (slot: string, content: Input) =>
    idIn(await run(planning, 'createSchedule', { app, slot, content }))
  const refusal = async (mutation: PlanningMutation, input: Input) => {
    const before = await everythingIn(store)
    const failed = await failure(planning, mutation, input)
    expect(await everythingIn(store)).toBe(before)
    return failed
  }

  test('a thing is archived once, keeps its state, and shows when it was archived', async () => {
    const slot = await makeSlot(planning, app)
    const id = await book(slot, booking([await makeCreative(planning, app)]))
    await store.transaction((tx) => schedules.setMore(tx, id, { deliveryState: 'LIVE' }))
    planning.clock.advance(1)
    await archive('archiveSchedule', id, 1, true)
    await archive('archiveSlot', slot)
    const archivedAt = new Date(planning.clock.now()).toISOString()
    expect(await planning.schedule.must('viewer', SCHEDULE, { id })).toEqual({
      ...{ version: 2, revision: 1, deliveryState: 'LIVE', reviewState: 'DRAFT', archivedAt },
    })
    expect(await planning.schedule.must('viewer', SLOT, { id: slot })).toEqual({ version: 2, archivedAt, fallback: [] })
    for (const [mutation, input] of [
      ['archiveSchedule', { id, expectedVersion: 2 }],
      ['archiveSlot', { id: slot, expectedVersion: 2 }],
      ['updateSlot', { id: slot, expectedVersion: 2, name: 'Anew' }],
      ['reviseSchedule', { id, expectedVersion: 2, content: booking([await makeCreative(planning, app)]) }],
    ] as const) {
      const failed = await refusal(mutation, input)
      expect(failed.code).toBe('INVALID_STATE')
      expect(failed.message).toContain('is archived')
    }
  })

  test('what is in review is recalled first', async () => {
    const id = await book(await makeSlot(planning, app), booking([await makeCreative(planning, app)]))
    await store.transaction((tx) => schedules.transition(tx, { id, revision: 1 }, 'IN_REVIEW'))
    const failed = await refusal('archiveSchedule', { id, expectedVersion: 1 })
    expect(failed.code).toBe('INVALID_STATE')
    expect(failed.message).toContain('recall its submission first')
  })

  test('nothing new is booked in an archived slot, but its schedules can be revised', async () => {
    const slot = await makeSlot(planning, app)
    const creative = await makeCreative(planning, app)
    const id = await book(slot, booking([creative]))
    const elsewhere = await book(await makeSlot(planning, app), booking([creative]))
    await archive('archiveSlot', slot)
    const refused = { code: 'BAD_USER_INPUT', path: 'input.slot' }
    expect(await refusal('createSchedule', { app, slot, content: booking([creative]) })).toMatchObject(refused)
    expect(await refusal('duplicateSchedule', { id, expectedVersion: 1 })).toMatchObject(refused)
    expect(await refusal('duplicateSchedule', { id: elsewhere, expectedVersion: 1, slot })).toMatchObject(refused)
    const revised = { ...booking([creative]), name: 'Anew' }
    await run(planning, 'reviseSchedule', { id, expectedVersion: 1, content: revised })
    await run(planning, 'duplicateSchedule', { id, expectedVersion: 2, slot: await makeSlot(planning, app) })
  })

  test('archived creatives and strategies cannot be booked, but a schedule may keep them', async () => {
    const slot = await makeSlot(planning, app)
    const [kept, other, old] = [await makeCreative(planning, app), await makeCreative(planning, app), 'archived']
    const strategy = await makeStrategy(planning, app)
    const oldStrategy = await makeStrategy(planning, app)
    const archived = await makeCreative(planning, app, { name: old })
    const id = await book(slot, booking([kept, other], strategy))
    await archive('archiveCreative', kept)
    await archive('archiveCreative', archived)
    await archive('archiveStrategy', strategy)
    await archive('archiveStrategy', oldStrategy)

    const fresh = { app, slot, content: booking([other, archived]) }
    const path = 'input.content.creatives[1].creative'
    expect(await refusal('createSchedule', fresh)).toMatchObject({ code: 'BAD_USER_INPUT', path })
    const planned = { app, slot, content: booking([other], strategy) }
    expect(await refusal('createSchedule', planned)).toMatchObject({ path: 'input.content.strategy' })

    const revised = (expectedVersion: number, content: Input) => ({ id, expectedVersion, content })
    await run(planning, 'reviseSchedule', revised(1, booking([other, kept], strategy)))
    expect(await refusal('reviseSchedule', revised(2, booking([kept, archived], strategy)))).toMatchObject({ path })
    const changed = revised(2, booking([kept], oldStrategy))
    expect(await refusal('reviseSchedule', changed)).toMatchObject({ path: 'input.content.strategy' })

    const copy = await refusal('duplicateSchedule', { id, expectedVersion: 2 })
    expect(copy).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.id' })
    expect(copy.message).toContain(`"${kept}" is archived`)

    await run(planning, 'reviseSchedule', revised(2, booking([other])))
    expect(await refusal('reviseSchedule', revised(3, booking([kept, other])))).toMatchObject({
      path: 'input.content.creatives[0].creative',
    })
  })

  test('a fallback may keep its archived creatives, but not get new ones', async () => {
    const [kept, archived] = [await makeCreative(planning, app), await makeCreative(planning, app)]
    const id = await makeSlot(planning, app, { fallback: [kept] })
    await archive('archiveCreative', kept)
    await archive('archiveCreative', archived)
    const path = 'input.fallback[1]'
    const update = { id, expectedVersion: 1, fallback: [kept, archived] }
    expect(await refusal('updateSlot', update)).toMatchObject({ code: 'BAD_USER_INPUT', path })
    const made = { app, code: 'fresh', name: 'A slot', fallback: [kept] }
    expect(await refusal('createSlot', made)).toMatchObject({ path: 'input.fallback[0]' })
    await run(planning, 'updateSlot', { ...update, fallback: [await makeCreative(planning, app), kept] })
  })

  test('a thing comes back out of the archive once, and can be used again', async () => {
    const slot = await makeSlot(planning, app)
    const [creative, strategy] = [await makeCreative(planning, app), await makeStrategy(planning, app)]
    const id = await book(slot, booking([creative], strategy))
    const things = { Slot: slot, Schedule: id, Creative: creative, Strategy: strategy }
    for (const [kind, thing] of Object.entries(things)) {
      const unarchive = `unarchive${kind}` as PlanningMutation
      const early = await refusal(unarchive, { id: thing, expectedVersion: 1 })
      expect(early).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('is not archived') })
      await archive(`archive${kind}` as PlanningMutation, thing)
      expect(await archive(unarchive, thing, 2)).toMatchObject({ version: 3, archivedAt: null })
    }
    await run(planning, 'reviseSchedule', { id, expectedVersion: 3, content: booking([creative]) })
    await run(planning, 'updateSlot', { id: slot, expectedVersion: 3, fallback: [creative] })
    await book(slot, booking([creative], strategy))
  })

  test('an archived schedule can be duplicated', async () => {
    const id = await book(await makeSlot(planning, app), booking([await makeCreative(planning, app)]))
    await archive('archiveSchedule', id)
    const copy = idIn(await run(planning, 'duplicateSchedule', { id, expectedVersion: 2 }))
    expect(await planning.schedule.must('viewer', SCHEDULE, { id: copy })).toMatchObject({ archivedAt: null })
  })
})
