// Totals between any two instants, compared with a plain count: in zones whose hours and days differ from those of UTC, on days of
// 23, 23.5, 24.5 and 25 hours, after the app has moved to another zone, and when minutes are no longer kept.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { changeApp, getApp } from '../../common/apps/apps.ts'
import type { Store } from '../../common/store/store.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { periodAt } from '../../engine/time/periods.ts'
import { clockOf } from '../../engine/time/wall-clock.ts'
import type { Unit } from '../../subgraphs/stats/fold.ts'
import { NOW, type PlannedApp, planApp, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'

/** FC_RUNS tries more than these. */
const RUNS = Number(process.env.FC_RUNS ?? 40)
const SPAN_MS = 5 * DAY_MS

/** A zone, and an instant at which its clocks change (in the last ones they do not). */
const CHANGES: [zone: string, at: string][] = [
  ['Europe/Berlin', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['America/St_Johns', '2010-11-07T02:31Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00Z'],
  ['Antarctica/Troll', '2026-03-29T01:00Z'],
  ['Africa/Casablanca', '2026-02-15T02:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z'],
  ['Asia/Kolkata', '2026-05-01T18:30Z'],
  ['Asia/Kathmandu', '2026-05-01T18:15Z'],
]
const ZONES = ['UTC', 'Asia/Kolkata', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Chatham']

describeEachStore('A total', (open) => {
  let store: Store
  let stats: TestStats
  let home: PlannedApp
  beforeAll(async () => {
    store = await open()
    stats = await startStats(store)
    home = await planApp(store, 'home')
  })
  afterAll(() => stats.stop())

  let made = 0

  /** Counts an impression of a schedule at each of the instants. */
  async function count(schedule: string, instants: readonly number[]): Promise<void> {
    const { app, slot, creative } = home
    const event = { app, type: 'IMPRESSION', slot, schedule, creative, acceptedAt: NOW }
    await stats.stream.append(instants.map((at) => JSON.stringify({ ...event, id: `e${made++}`, at })))
    await stats.fold()
  }

  async function moveTo(zone: string): Promise<void> {
    await store.transaction(async (tx) => changeApp(tx, (await getApp(tx, 'home'))!, { zone }))
  }

  const reportOf = (schedule: string, from: number, to: number, interval = 'TOTAL') =>
    stats.report('home', { ids: [schedule], from, to, interval })
  const text = (instant: number) => new Date(instant).toISOString()
  const newSchedule = () => `sch_${made++}`

  test.each([
    ['Asia/Kolkata', '2026-05-01T18:30Z', '2026-05-02T18:30Z'],
    ['Asia/Kathmandu', '2026-05-01T18:15Z', '2026-05-02T18:15Z'],
    ['Europe/Berlin', '2026-03-28T23:00Z', '2026-03-29T22:00Z'],
    ['Europe/Berlin', '2026-10-24T22:00Z', '2026-10-25T23:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T13:30Z', '2026-10-04T13:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T13:00Z', '2026-04-05T13:30Z'],
  ])('of one day in %s, %s to %s, has that day alone, also when no minute is kept any more', async (zone, from, to) => {
    await moveTo(zone)
    const [begins, ends] = [Date.parse(from), Date.parse(to)]
    const schedule = newSchedule()
    await count(schedule, [begins - 1, begins, begins + 8 * HOUR_MS, ends - 1, ends, ends + 20 * MINUTE_MS])
    const expected = [{ id: schedule, at: text(begins), until: text(ends), impressions: 3 }]
    expect((await reportOf(schedule, begins, ends)).rows).toMatchObject(expected)
    await store.client.db(store.database).collection('rollups').deleteMany({ unit: 'MINUTE' })
    expect((await reportOf(schedule, begins, ends)).rows).toMatchObject(expected)
    expect((await reportOf(schedule, begins, ends, 'DAY')).rows).toMatchObject(expected)
  })

  test('is exact to the minute: what is finer is rounded out, and `at` and `until` say so', async () => {
    await moveTo('UTC')
    const at = Date.parse('2031-05-01T10:45:00Z')
    const schedule = newSchedule()
    await count(schedule, [at - 1, at, at + 59_999, at + MINUTE_MS])
    const { rows, total } = await reportOf(schedule, at + 20_000, at + 20_001)
    expect(rows).toMatchObject([{ at: text(at), until: text(at + MINUTE_MS), impressions: 2 }])
    expect(total.impressions).toBe(2)
    expect((await reportOf(schedule, at + 2 * MINUTE_MS, at + 3 * MINUTE_MS)).rows).toEqual([])
  })

  test('has the whole hour at an end whose minutes are no longer kept, and says so', async () => {
    await moveTo('Asia/Kolkata')
    const hour = Date.parse('2026-05-01T12:30Z')
    const schedule = newSchedule()
    const other = newSchedule()
    await count(schedule, [hour - 1, hour, hour + 10 * MINUTE_MS, hour + 50 * MINUTE_MS, hour + HOUR_MS])
    await count(other, [hour + 3 * HOUR_MS + 5 * MINUTE_MS])
    const minutes = store.client.db(store.database).collection('rollups')
    await minutes.deleteOne({ unit: 'MINUTE', schedule, at: new Date(hour + 50 * MINUTE_MS) })
    const [from, to] = [hour + 5 * MINUTE_MS, hour + 3 * HOUR_MS + 1]
    expect((await reportOf(schedule, from, to)).rows).toMatchObject([
      { at: text(hour), until: text(hour + 3 * HOUR_MS + MINUTE_MS), impressions: 4 },
    ])
    // All rows of one report have the same period.
    const both = { ids: [schedule, other], from, to: to + 10 * MINUTE_MS, interval: 'TOTAL' }
    const { rows } = await stats.report('home', both)
    const period = { at: text(hour), until: text(hour + 3 * HOUR_MS + 11 * MINUTE_MS) }
    expect(rows).toMatchObject([
      { id: schedule, ...period, impressions: 4 },
      { id: other, ...period, impressions: 1 },
    ])
    // Both ends in one hour.
    expect((await reportOf(schedule, from, from + 10 * MINUTE_MS)).rows).toMatchObject([
      { at: text(hour), until: text(hour + HOUR_MS), impressions: 3 },
    ])
  })

  const instant = fc.oneof(
    fc.integer({ min: -SPAN_MS, max: SPAN_MS }),
    fc.integer({ min: -SPAN_MS / MINUTE_MS / 15, max: SPAN_MS / MINUTE_MS / 15 }).map((n) => n * 15 * MINUTE_MS),
  )
  const batch = fc.record({
    zone: fc.option(fc.constantFrom(...ZONES), { freq: 1 }),
    instants: fc.array(instant, { maxLength: 40 }),
  })
  const short = fc
    .tuple(instant, fc.integer({ min: 1, max: 2 * HOUR_MS }))
    .map(([a, length]) => [a, a + length] as const)
  const period = fc.oneof(
    fc.tuple(instant, instant).filter(([a, b]) => a !== b),
    short,
  )
  const cases = fc.record({
    change: fc.constantFrom(...CHANGES),
    batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
    periods: fc.array(period, { minLength: 8, maxLength: 8 }),
  })

  test('and the rows of every interval equal a plain count, for random periods and time zones', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ change: [zone, around], batches, periods }) => {
        const middle = Date.parse(around)
        const schedule = newSchedule()
        const counted: { at: number; zone: string }[] = []
        for (const { zone: moved, instants } of batches) {
          const own = moved ?? zone
          await moveTo(own)
          const times = instants.map((offset) => middle + offset)
          await count(schedule, times)
          counted.push(...times.map((at) => ({ at, zone: own })))
        }
        for (const [a, b] of periods) {
          const [from, to] = [middle + Math.min(a, b), middle + Math.max(a, b)]
          const [begins, ends] = [Math.floor(from / MINUTE_MS) * MINUTE_MS, Math.ceil(to / MINUTE_MS) * MINUTE_MS]
          const inside = counted.filter(({ at }) => at >= begins && at < ends).length
          const { rows, total } = await reportOf(schedule, from, to)
          expect([total.impressions, rows.length]).toEqual([inside, inside > 0 ? 1 : 0])
          if (inside > 0) expect(rows[0]).toMatchObject({ at: text(begins), until: text(ends) })
          for (const unit of ['HOUR', 'DAY'] as const) {
            const found = (await reportOf(schedule, from, to, unit)).rows.map(({ at, impressions }) => [
              at,
              impressions,
            ])
            expect([unit, Object.fromEntries(found)]).toEqual([unit, plainRows(counted, from, to, unit)])
          }
        }
      }),
      { numRuns: RUNS },
    )
  })

  /** How many there are in each period that has a moment in common with [from, to), by its beginning. */
  function plainRows(counted: readonly { at: number; zone: string }[], from: number, to: number, unit: Unit) {
    const rows: Record<string, number> = {}
    for (const { at, zone } of counted) {
      const { begins, ends } = periodAt(clockOf(zone), at, unit)
      if (begins < to && ends > from) rows[text(begins)] = (rows[text(begins)] ?? 0) + 1
    }
    return rows
  }
})
