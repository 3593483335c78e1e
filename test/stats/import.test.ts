import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { schedules, slots } from '../../subgraphs/schedule/repository.ts'
import { documentsDuring } from '../support/reads.ts'
import { NOW, type PlannedApp, planApp, RECORD, scheduleOf, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'

const LONG_AGO = { from: '2019-11-24T00:00:00Z', to: '2019-11-25T00:00:00Z', interval: 'TOTAL' }

describeEachStore('Importing events', (open) => {
  let stats: TestStats
  let home: PlannedApp
  let other: PlannedApp
  let secondSlot: string
  beforeAll(async () => {
    const store = await open()
    stats = await startStats(store)
    home = await planApp(store, 'home')
    other = await planApp(store, 'other')
    secondSlot = 'slt_second'
    await store.transaction(async (tx) => {
      const first = await slots.require(tx, home.slot)
      await slots.insert(tx, { ...first, _id: secondSlot, code: 'second', fallback: [] })
      const head = await schedules.require(tx, home.schedule)
      const at = new Date(NOW)
      await schedules.revise(tx, head, { content: scheduleOf('cre_new'), actor: 'operator', at })
    })
  })
  afterAll(() => stats.stop())

  const send = (events: object[]) => stats.api.ask('operator', RECORD, { input: { app: 'home', events } })
  const at = '2019-11-24T10:00:00Z'

  test('an import may carry any past time, is not late, and is counted in its own hour', async () => {
    const { slot, schedule, creative, fallback } = home
    const { data, errors } = await send([
      { id: 'i1', type: 'IMPRESSION', at, source: { slot, schedule, creative } },
      { id: 'i2', type: 'CLICK', at, source: { slot, schedule, creative: 'cre_new' } },
      { id: 'i3', type: 'IMPRESSION', at, source: { slot, creative: fallback } },
      { id: 'i4', type: 'IMPRESSION', at, source: { slot, schedule: null, creative: fallback } },
    ])
    expect(errors).toBeUndefined()
    expect(data!.recordEvents).toEqual({ accepted: 4, forged: 0, future: 0, expired: 0 })
    await stats.fold()
    const { rows } = await stats.report('home', LONG_AGO)
    expect(rows).toMatchObject([
      { id: 'fallback', impressions: 2 },
      { id: schedule, impressions: 1, clicks: 1 },
    ])
  })

  test.each<[string, () => object, string, () => string]>([
    ['a slot that does not exist', () => ({ slot: 'slt_none' }), 'slot', () => 'slt_none'],
    ["another app's slot", () => ({ slot: other.slot }), 'slot', () => other.slot],
    ['a schedule that does not exist', () => ({ schedule: 'sch_none' }), 'schedule', () => 'sch_none'],
    ["another app's schedule", () => ({ schedule: other.schedule }), 'schedule', () => other.schedule],
    ["another slot's schedule", () => ({ slot: secondSlot }), 'schedule', () => home.schedule],
    ['a creative of no revision', () => ({ creative: home.fallback }), 'creative', () => home.fallback],
    [
      'a creative that is no fallback',
      () => ({ schedule: null, creative: home.creative }),
      'creative',
      () => home.creative,
    ],
  ])('%s is refused by path and id, and nothing of the batch is recorded', async (_name, change, field, id) => {
    await stats.fold()
    const { slot, schedule, creative } = home
    const good = { slot, schedule, creative }
    const { errors } = await send([
      { id: 'good', type: 'CLICK', at, source: good },
      { id: 'wrong', type: 'CLICK', at, source: { ...good, ...change() } },
    ])
    const path = `input.events[1].source.${field}`
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path })
    expect(errors?.[0]?.message).toContain(JSON.stringify(id()))
    expect(await stats.stream.length()).toBe(0)
  })

  test('all wrong references of a batch are named at once', async () => {
    const { slot, schedule, creative } = home
    const { errors } = await send([
      { id: 'a', type: 'CLICK', source: { slot: 'x', schedule, creative } },
      { id: 'b', type: 'CLICK', source: { slot, schedule: 'y', creative } },
    ])
    const named = errors?.[0]?.extensions?.errors as { path: string }[]
    expect(named.map(({ path }) => path)).toEqual(['input.events[0].source.slot', 'input.events[1].source.schedule'])
  })

  test('a creative in an old revision of a schedule with hundreds of revisions is read by id, and once', async () => {
    const { store } = stats.services
    const { slot, creative } = home
    const at = new Date(NOW)
    const schedule = await store.transaction(async (tx) => {
      const more = { slot, deliveryState: 'NONE' as const, pinned: null }
      let head = await schedules.create(tx, {
        app: 'home',
        content: scheduleOf('cre_first'),
        actor: 'operator',
        at,
        more,
      })
      for (let n = 0; n < 300; n++) {
        const content = { ...scheduleOf(n < 200 ? 'cre_then' : creative), priority: n }
        head = await schedules.revise(tx, head, { content, actor: 'operator', at })
      }
      return head._id
    })
    const sourcesOf = (...creatives: string[]) => creatives.map((creative) => ({ slot, schedule, creative }))
    let sent = 0
    const sendAll = async (...creatives: string[]) => {
      const events = sourcesOf(...creatives).map((source) => ({
        id: `many-${sent++}`,
        type: 'CLICK',
        at: LONG_AGO.from,
        source,
      }))
      return documentsDuring(store, async () => {
        expect((await send(events)).errors).toBeUndefined()
      })
    }
    expect(await sendAll('cre_first', 'cre_then', creative, 'cre_then')).toMatchObject({
      schedules: 1,
      slots: 1,
      scheduleRevisions: 2,
    })
    const again = await sendAll('cre_then', 'cre_first', creative)
    expect(again).not.toHaveProperty('scheduleRevisions')
    expect(again).not.toHaveProperty('schedules')
  })

  test('a creative that is no longer a fallback is refused, even if it was accepted before', async () => {
    const { store } = stats.services
    const { slot, fallback } = home
    const source = { slot, creative: fallback }
    expect((await send([{ id: 'f1', type: 'CLICK', source }])).errors).toBeUndefined()
    await store.transaction(async (tx) => slots.touch(tx, await slots.require(tx, slot), { fallback: [] }))
    expect((await send([{ id: 'f2', type: 'CLICK', source }])).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
  })
})
