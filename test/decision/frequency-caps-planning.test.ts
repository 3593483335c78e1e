// Frequency caps as operators plan them, in strategies and in slots.

import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import {
  failure,
  type Input,
  makeApp,
  makeSlot,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const STRATEGY = 'query ($id: ID!) { strategy(id: $id) { caps { count every unit } } }'
const SLOT = 'query ($id: ID!) { slot(id: $id) { version caps { count every unit } } }'
const DAILY = { count: 3, every: 1, unit: 'DAY' }
const EVER = { count: 1, every: 1, unit: 'LIFETIME' }

describeEachStore('Frequency caps, as planned', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const capsOfStrategy = async (id: string) => (await planning.strategy.must('viewer', STRATEGY, { id })).caps
  const capsOfSlot = async (id: string) => (await planning.schedule.must('viewer', SLOT, { id })).caps
  const createStrategy = (caps: Input[]) => ({ app, content: { name: 'A strategy', caps } })

  test('a strategy has none unless it says so, and they read as they were written', async () => {
    expect(await capsOfStrategy(await makeStrategy(planning, app))).toEqual([])
    expect(await capsOfStrategy(await makeStrategy(planning, app, { caps: null }))).toEqual([])
    expect(await capsOfStrategy(await makeStrategy(planning, app, { caps: [DAILY, EVER] }))).toEqual([DAILY, EVER])
  })

  test('a period is of one unit unless it says of how many', async () => {
    const caps = [
      { count: 1, unit: 'HOUR' },
      { count: 1, every: null, unit: 'LIFETIME' },
    ]
    expect(await capsOfStrategy(await makeStrategy(planning, app, { caps }))).toEqual([
      { count: 1, every: 1, unit: 'HOUR' },
      EVER,
    ])
  })

  test('a slot has none unless it says so; a patch leaves them as they are, sets them whole, or clears them', async () => {
    expect(await capsOfSlot(await makeSlot(planning, app))).toEqual([])
    const id = await makeSlot(planning, app, { caps: [DAILY] })
    expect(await capsOfSlot(id)).toEqual([DAILY])
    await run(planning, 'updateSlot', { id, expectedVersion: 1, name: 'Another' })
    expect(await capsOfSlot(id)).toEqual([DAILY])
    await run(planning, 'updateSlot', { id, expectedVersion: 2, caps: [EVER, DAILY] })
    expect(await capsOfSlot(id)).toEqual([EVER, DAILY])
    await run(planning, 'updateSlot', { id, expectedVersion: 3, caps: null })
    expect(await capsOfSlot(id)).toEqual([])
  })

  test.each([
    ['[0].count', 'must be at least 1', [{ ...DAILY, count: 0 }]],
    ['[1].count', 'must be at most 1000000', [DAILY, { ...EVER, count: 1_000_001 }]],
    ['[0].every', 'must be at least 1', [{ ...DAILY, every: 0 }]],
    ['[0].every', 'must be at most 366', [{ ...DAILY, every: 367 }]],
    ['[0].every', 'must be left out: there is only one lifetime', [{ ...EVER, every: 2 }]],
    ['[1]', 'has the same period as the cap at 0', [DAILY, { ...DAILY, count: 9 }]],
    ['', 'must hold at most 10', Array.from({ length: 11 }, (_, index) => ({ ...DAILY, every: index + 1 }))],
  ])('is refused, with its path: caps%s %s', async (path, message, caps) => {
    const ofStrategy = await failure(planning, 'createStrategy', createStrategy(caps))
    expect(ofStrategy).toMatchObject({ code: 'BAD_USER_INPUT', path: `input.content.caps${path}` })
    expect(ofStrategy.message).toContain(message)
    const ofSlot = await failure(planning, 'createSlot', { app, code: 'refused', name: 'A slot', caps })
    expect(ofSlot).toMatchObject({ code: 'BAD_USER_INPUT', path: `input.caps${path}` })
  })

  test('the limits themselves are allowed', async () => {
    const ten = Array.from({ length: 10 }, (_, index) => ({ count: 1_000_000, every: 366 - index, unit: 'MINUTE' }))
    expect(await capsOfStrategy(await makeStrategy(planning, app, { caps: ten }))).toEqual(ten)
  })
})
