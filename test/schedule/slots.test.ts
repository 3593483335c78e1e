import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import {
  failure,
  freshCode,
  type Input,
  makeApp,
  makeCreative,
  makeSlot,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const SLOT = `query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Slot {
  id version app { id } code name capacity rotationSeconds maxStaleSeconds fallback { id } createdAt } } }`

describeEachStore('Slots', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const refused = (more: Input) => failure(planning, 'createSlot', { app, code: freshCode(), name: 'A slot', ...more })
  async function read(id: string) {
    const [slot] = await planning.schedule.must('viewer', SLOT, { representations: [{ __typename: 'Slot', id }] })
    return slot
  }

  test('a slot is created from the input, and a field that is left out has its default', async () => {
    const code = freshCode()
    const plain = await makeSlot(planning, app, { code })
    expect(plain).toMatch(/^slt_[0-9a-f-]{36}$/)
    expect(await read(plain)).toEqual({
      ...{
        id: plain,
        version: 1,
        app: { id: app },
        code,
        name: 'A slot',
        capacity: 1,
        rotationSeconds: 86_400,
        maxStaleSeconds: null,
      },
      ...{ fallback: [], createdAt: new Date(planning.clock.now()).toISOString() },
    })
    const fallback = [await makeCreative(planning, app), await makeCreative(planning, app)].reverse()
    const chosen = await makeSlot(planning, app, { capacity: 3, rotationSeconds: 60, maxStaleSeconds: 30, fallback })
    const expected = { capacity: 3, rotationSeconds: 60, maxStaleSeconds: 30, fallback: fallback.map((id) => ({ id })) }
    expect(await read(chosen)).toMatchObject(expected)
  })

  test('a code has 1 to 64 of a-z, 0-9, dot, _ and -', async () => {
    for (const code of ['home.banner', 'a', '_-.9', 'x'.repeat(64)]) await makeSlot(planning, app, { code })
    for (const code of ['', 'Home', 'a b', 'a/b', '@app', 'a\n', 'x'.repeat(65)]) {
      expect(await refused({ code })).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.code' })
    }
  })

  test('a code is unique in its app, and free in another', async () => {
    const code = freshCode()
    await makeSlot(planning, app, { code })
    const failed = await refused({ code })
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.code' })
    expect(failed.message).toContain(`already has a slot "${code}"`)
    await makeSlot(planning, await makeApp(planning), { code })
  })

  test('of five requests for one code at the same time, one gets it and the others are refused', async () => {
    const input = { app, code: freshCode(), name: 'A slot' }
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => run(planning, 'createSlot', input)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(String(outcome.reason)).toContain('already')
    }
  })

  test('its fallback names creatives of its own app, at most 50, each once', async () => {
    const stranger = await makeCreative(planning, await makeApp(planning))
    const many = await Promise.all(Array.from({ length: 51 }, () => makeCreative(planning, app)))
    for (const missing of [stranger, 'cre_no']) {
      const failed = await refused({ fallback: [many[0]!, missing] })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.fallback[1]' })
      expect(failed.message).toContain(missing)
    }
    await makeSlot(planning, app, { fallback: many.slice(1) })
    expect(await refused({ fallback: many })).toMatchObject({ path: 'input.fallback' })
    expect(await refused({ fallback: [many[0]!, many[0]!] })).toMatchObject({ path: 'input.fallback[1]' })
  })
})
