import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { type Slot, slots } from '../../subgraphs/schedule/repository.ts'
import {
  failure,
  freshCode,
  type Input,
  idIn,
  makeApp,
  makeCreative,
  makeSlot,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const SLOT = `query ($id: ID!) { slot(id: $id) { version fallback { id } format {
  required image { width height ratio } dataSchema } } }`
const SCHEMA = { $defs: { name: { type: 'string' } }, properties: { $ref: true, name: { $ref: '#/$defs/name' } } }
const WIDE = { image: { ratio: '16:9' } }
const url = 'https://a.example/i.png'

describeEachStore('The format of a slot', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  /** Creatives: 16:9 with a link, 3:1 with data, without an image. */
  let wide: string
  let flat: string
  let bare: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    wide = await makeCreative(planning, app, { image: { url, width: 1600, height: 900 }, link: 'https://a.example' })
    flat = await makeCreative(planning, app, { image: { url, width: 1200, height: 400 }, data: { name: 1 } })
    bare = await makeCreative(planning, app)
  })

  const read = (id: string) => planning.schedule.must('viewer', SLOT, { id })
  const slotOf = (format: Input, more: Input = {}) => makeSlot(planning, app, { format, ...more })
  const refused = (format: Input, more: Input = {}) =>
    failure(planning, 'createSlot', { app, code: freshCode(), name: 'A slot', format, ...more })
  const booking = (creatives: string[]) => ({ name: 'S', creatives: creatives.map((creative) => ({ creative })) })
  const book = (slot: string, ...creatives: string[]) =>
    run(planning, 'createSchedule', { app, slot, content: booking(creatives) })
  const path = (index: number) => `input.content.creatives[${index}].creative`

  test('is kept and shown as it was given', async () => {
    expect(await read(await makeSlot(planning, app))).toMatchObject({ format: null })
    const nothing = await slotOf({})
    expect(await read(nothing)).toMatchObject({ format: { required: [], image: null, dataSchema: null } })
    const given = { required: ['LINK', 'TEXT', 'LINK'], image: { width: 1600, height: 900, ratio: '16:9' } }
    const whole = await slotOf({ ...given, dataSchema: SCHEMA })
    expect(await read(whole)).toMatchObject({
      format: { required: ['TEXT', 'LINK'], image: given.image, dataSchema: SCHEMA },
    })
    expect(await read(await slotOf({ dataSchema: false }))).toMatchObject({ format: { dataSchema: false } })
  })

  test('is refused with the path of what is wrong with it', async () => {
    for (const ratio of ['16/9', '0:1', '1:10000', '16:9:1', '1 : 1']) {
      expect(await refused({ image: { ratio } })).toMatchObject({
        code: 'BAD_USER_INPUT',
        path: 'input.format.image.ratio',
      })
    }
    const disagreeing = await refused({ image: { width: 1200, height: 400, ratio: '16:9' } })
    expect(disagreeing).toMatchObject({ path: 'input.format.image.ratio' })
    expect(disagreeing.message).toContain('must agree with width and height')
    const patterned = await refused({ dataSchema: { properties: { a: { pattern: '(?!a)' } } } })
    expect(patterned).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.format.dataSchema' })
    expect(patterned.message).toContain('#/properties/a/pattern: "(?!a)" is not a pattern of RE2')
  })

  test('is held against the creatives that are booked, and every mistake of each is said', async () => {
    const slot = await slotOf({ ...WIDE, required: ['LINK'], dataSchema: SCHEMA })
    await book(slot, wide)
    const input = { app, slot, content: booking([wide, flat, bare]) }
    const text = 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }'
    const { errors } = await planning.schedule.ask('operator', text, { input })
    expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: path(1) })
    expect(errors![0]!.extensions!.errors).toEqual([
      { path: path(1), message: `the creative "${flat}" needs a link` },
      { path: path(1), message: `the creative "${flat}" needs an image of 16:9, but it is 1200 x 400` },
      {
        path: path(1),
        message: `the creative "${flat}" needs data that fits its schema, but data/name must be string`,
      },
      { path: path(2), message: `the creative "${bare}" needs a link` },
    ])
  })

  test('is held against the newest content of a creative', async () => {
    const slot = await slotOf(WIDE)
    const creative = await makeCreative(planning, app, { image: { url, width: 16, height: 9 } })
    const { id } = await book(slot, creative)
    const content = { name: 'C', title: 'T', image: { url, width: 16, height: 16 } }
    await run(planning, 'reviseCreative', { id: creative, expectedVersion: 1, content })
    const again = { id, expectedVersion: 1, content: booking([creative]) }
    expect(await failure(planning, 'reviseSchedule', again)).toMatchObject({ code: 'BAD_USER_INPUT', path: path(0) })
    await run(planning, 'reviseSchedule', { ...again, content: booking([wide]) })
  })

  test('is held against what a copy books in it', async () => {
    const { id } = await book(await makeSlot(planning, app), flat)
    const copy = { id, expectedVersion: 1 }
    const failed = await failure(planning, 'duplicateSchedule', { ...copy, slot: await slotOf(WIDE) })
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.id' })
    expect(failed.message).toContain(`the creative "${flat}" needs an image of 16:9, but it is 1200 x 400`)
    await run(planning, 'duplicateSchedule', { ...copy, slot: await slotOf({ image: { ratio: '3:1' } }) })
  })

  test('is held against the fallback, when either is written', async () => {
    const wrong = { code: 'BAD_USER_INPUT', path: 'input.fallback[1]' }
    expect(await refused(WIDE, { fallback: [wide, flat] })).toMatchObject(wrong)
    const id = await slotOf(WIDE, { fallback: [wide] })
    const update = (version: number, patch: Input) => ({ id, expectedVersion: version, ...patch })
    expect(await failure(planning, 'updateSlot', update(1, { fallback: [wide, flat] }))).toMatchObject(wrong)
    const format = { image: { ratio: '3:1' } }
    const failed = await failure(planning, 'updateSlot', update(1, { format }))
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.format' })
    expect(failed.message).toContain(`the creative "${wide}" needs an image of 3:1`)
    await run(planning, 'updateSlot', update(1, { format, fallback: [flat] }))
    await run(planning, 'updateSlot', update(2, { format: null }))
    await run(planning, 'updateSlot', update(3, { fallback: [wide, flat, bare] }))
    expect(await read(id)).toMatchObject({ version: 4, format: null })
  })

  test('that changes leaves what is booked as it is, until that is revised', async () => {
    const slot = await makeSlot(planning, app)
    const { id } = await book(slot, flat)
    await run(planning, 'updateSlot', { id: slot, expectedVersion: 1, format: WIDE })
    const again = { id, expectedVersion: 1, content: booking([flat]) }
    expect(await failure(planning, 'reviseSchedule', again)).toMatchObject({ path: path(0) })
  })

  test('keeps its schema from what MongoDB and its driver make of keys', async () => {
    const dataSchema = { properties: { a: { const: { $ref: 'x', $id: 'y', $date: 1, _bsontype: 'ObjectId' } } } }
    const id = await slotOf({ dataSchema })
    expect(((await slots.require(store, id)) as Slot).format!.dataSchema).toBe(JSON.stringify(dataSchema))
    const renamed = await run(planning, 'updateSlot', { id, expectedVersion: 1, name: 'Anew' })
    expect(await read(idIn(renamed))).toMatchObject({ version: 2, format: { dataSchema } })
  })
})
