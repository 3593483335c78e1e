import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createMetrics } from '../../common/base/metrics.ts'
import type { Store } from '../../common/store/store.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import { startOfDay } from '../../engine/time/periods.ts'
import { rollupId } from '../../subgraphs/stats/fold.ts'
import { measureStats, statsChecks } from '../../subgraphs/stats/monitoring.ts'
import { setAside, tallies } from '../../subgraphs/stats/repository.ts'
import { startStatsWorker } from '../../subgraphs/stats/worker.ts'
import { eventsOf, NOW, type PlannedApp, planApp, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'

const PERIOD = { from: NOW - DAY_MS, to: NOW + DAY_MS, interval: 'TOTAL' }

describeEachStore('Records of the stream that cannot be folded', (open) => {
  let store: Store
  let stats: TestStats
  let home: PlannedApp
  beforeEach(async () => {
    store = await open()
    stats = await startStats(store)
    home = await planApp(store, 'home')
  })
  afterEach(() => stats.stop())

  const clicks = async () => (await stats.report('home', PERIOD)).total.clicks
  const send = (n: number, prefix: string, of = home) =>
    stats.asApp('home', eventsOf(n, prefix, { type: 'CLICK', token: stats.token(of) }))

  const good = () => ({
    app: 'home',
    id: 'good',
    type: 'CLICK',
    at: NOW,
    slot: home.slot,
    schedule: home.schedule,
    creative: home.creative,
    acceptedAt: NOW,
  })
  const event = (change: object) => () => JSON.stringify({ ...good(), ...change })
  const raw = (change: string) => () => JSON.stringify(good()).replace(/"acceptedAt":\d+/, change)
  const refusal = (refused: unknown) => () => JSON.stringify({ app: 'home', refused, acceptedAt: NOW })
  const without = (field: string) => () => JSON.stringify({ ...good(), [field]: undefined })

  test.each<[string, () => string, RegExp]>([
    ['an acceptance beyond all calendars', raw('"acceptedAt":1e300'), /acceptedAt/],
    ['an acceptance at infinity', raw('"acceptedAt":1e400'), /acceptedAt/],
    ['an acceptance beyond what dates take', event({ acceptedAt: 8.64e15 }), /acceptedAt/],
    ['an acceptance before 1970', event({ acceptedAt: -1 }), /acceptedAt/],
    ['an acceptance in parts of a millisecond', event({ acceptedAt: NOW + 0.5 }), /acceptedAt/],
    ['an acceptance that is text', event({ acceptedAt: String(NOW) }), /acceptedAt/],
    ['an event beyond all calendars', event({ at: 1e300 }), /at/],
    ['an event long after it was accepted', event({ at: NOW + DAY_MS }), /at: is after acceptedAt/],
    ['no app', without('app'), /app/],
    ['no slot', without('slot'), /slot/],
    ['no schedule, not even null', without('schedule'), /schedule/],
    ['no creative', without('creative'), /creative/],
    ['no id', without('id'), /id/],
    ['an id that is an object', event({ id: { $ne: null } }), /id/],
    ['an app that is none', event({ app: 'home|x' }), /app/],
    ['a slot with the separator of rollups', event({ slot: 'a|b' }), /slot/],
    ['a creative with half a character', event({ creative: 'cre_\ud800' }), /creative/],
    ['a type that every object has', event({ type: 'constructor' }), /type/],
    ['the type __proto__', event({ type: '__proto__' }), /type/],
    ['late as text', event({ late: 'yes' }), /late/],
    ['an id of a megabyte', event({ id: 'x'.repeat(1_000_000) }), /longer/],
    ['refusals that are no numbers', refusal({ forged: null, future: 0, expired: 0 }), /refused\.forged/],
    ['refusals that are infinite', () => refusal({ forged: 1, future: 0 })().replace('1', '1e400'), /refused\.forged/],
    ['refusals below zero', refusal({ forged: -5, future: 0 }), /refused\.forged/],
    ['no refusals', refusal(null), /refused/],
    ['refusals of every object', () => '{"app":"home","__proto__":{"refused":{}},"acceptedAt":1}', /id|type/],
    ['what is not JSON', () => '{"app":', /not JSON/],
    ['nothing', () => '', /not JSON/],
    ['null', () => 'null', /object/],
    ['a list', () => '[1]', /object/],
    ['a number', () => '1', /object/],
    ['text', () => '"home"', /object/],
  ])('%s: is set aside with its reason, and what comes with it is counted', async (_what, payload, reason) => {
    await send(3, 'before')
    await stats.stream.append([payload(), JSON.stringify(good()), payload()])
    await send(3, 'after')
    await stats.fold()
    expect(await clicks()).toBe(7)
    expect(await stats.stream.length()).toBe(0)
    const kept = await setAside.of(store, 'mongodb')
    expect(kept).toMatchObject({ count: 2, newest: [{}, { reason: expect.stringMatching(reason) }] })
    expect(payload().startsWith(kept!.newest[1]!.payload)).toBe(true)
  })

  test('a record that is not text is set aside', async () => {
    await send(2, 'before')
    await store.client
      .db(store.database)
      .collection<{ _id: string }>('eventStream')
      .updateOne({ _id: '0000000000000001' }, { $set: { 'payloads.0': { app: 'home' } } as object })
    await send(2, 'after')
    await stats.fold()
    expect(await clicks()).toBe(3)
    expect(await setAside.of(store, 'mongodb')).toMatchObject({ count: 1 })
  })

  test('is reported in the metrics and as a warning for a day, also by the next worker', async () => {
    const worker = stats.worker()
    const metrics = createMetrics()
    const recorded = () => ({ accepted: 0, forged: 0, future: 0, expired: 0 })
    measureStats(metrics, { stream: stats.stream, worker, recorded })
    await stats.stream.append(['nonsense', 'more nonsense'])
    await worker.drain()
    expect(await metrics.registry.metrics()).toContain('alkaid_stats_set_aside_records_total 2')
    const warningOf = (of: typeof worker) => statsChecks(stats.stream, of, stats.clock.now).worker!() as object
    expect(warningOf(worker)).toMatchObject({ setAside: 2, warning: expect.stringMatching(/set aside.*not JSON/) })
    const next = stats.worker()
    await next.drain()
    expect(warningOf(next)).toMatchObject({ setAside: 0, warning: expect.stringMatching(/set aside.*not JSON/) })
    stats.clock.advance(DAY_MS + 1)
    expect(warningOf(next)).toMatchObject({ warning: undefined })
  })

  test('of many records that were set aside, the newest hundred are kept', async () => {
    await stats.stream.append(Array.from({ length: 5_000 }, (_, n) => `nonsense ${n}`))
    await send(1, 'after')
    await stats.fold()
    const { count, newest } = (await setAside.of(store, 'mongodb'))!
    expect([count, newest.length, newest.at(-1)!.payload]).toEqual([5_000, 100, 'nonsense 4999'])
    expect(await clicks()).toBe(1)
  })

  /** A rollup with a text where a number belongs: MongoDB refuses every increment of it. */
  async function spoil(schedule: string): Promise<void> {
    const rollups = store.client.db(store.database).collection<{ _id: string }>('rollups')
    const at = startOfDay(NOW, 'UTC')
    const _id = rollupId({ ...home, unit: 'DAY', at, until: at + DAY_MS, within: null, schedule })
    await rollups.insertOne({ _id, clicks: 'many' } as { _id: string })
  }

  test('a record that the store refuses is found, set aside, and changes nothing', async () => {
    await spoil('sch_spoilt')
    await send(300, 'before')
    await send(1, 'spoilt', { ...home, schedule: 'sch_spoilt' })
    await send(300, 'after')
    await stats.fold()
    const ids = [home.schedule]
    const { total } = await stats.report('home', { ...PERIOD, ids })
    expect(total.clicks).toBe(600)
    expect(await setAside.of(store, 'mongodb')).toMatchObject({
      count: 1,
      newest: [{ reason: expect.stringMatching(/non-numeric/) }],
    })
    expect(await tallies.of(store, 'home', startOfDay(NOW, 'UTC'))).toMatchObject({ accepted: 600, duplicate: 0 })
  })

  test('a store that refuses everything stops the worker, and nothing more is set aside', async () => {
    const schedules = Array.from({ length: 110 }, (_, n) => `sch_spoilt_${n}`)
    for (const schedule of schedules) {
      await spoil(schedule)
      await send(1, schedule, { ...home, schedule })
    }
    const worker = startStatsWorker(stats.services, stats.stream, { name: 'mongodb', pollMs: 3_600_000, batch: 1 })
    await expect(worker.drain()).rejects.toThrow(/non-numeric/)
    expect(worker.status().setAside).toBe(100)
    expect(await stats.stream.length()).toBe(10)
    await worker.stop()
  })

  test('a stream whose documents were deleted in part goes on after the gap', async () => {
    await send(500, 'first')
    for (let n = 0; n < 6; n++) await send(900, `gone-${n}`)
    await send(5, 'last')
    const documents = store.client.db(store.database).collection<{ _id: string }>('eventStream')
    await documents.deleteMany({ _id: { $gt: '0000000000000001', $lt: '0000000000005900' } })
    await stats.fold()
    expect(await stats.stream.length()).toBe(0)
    const kept = await clicks()
    expect(kept).toBeGreaterThanOrEqual(505)
    expect(kept).toBeLessThan(1_500)
  })

  test('a stream that was deleted while in use is created again, and events accepted later are counted', async () => {
    await send(50, 'before')
    const worker = stats.worker()
    await worker.drain()
    const database = store.client.db(store.database)
    await database.collection('eventStream').drop()
    await database.collection('eventStreamEnds').drop()
    await send(20, 'after')
    await worker.drain()
    expect(await clicks()).toBe(70)
    await send(5, 'unfolded')
    await database.collection<{ _id: string }>('eventStreamEnds').deleteOne({ _id: 'appended' })
    await send(7, 'again')
    await worker.drain()
    expect(await clicks()).toBe(82)
    expect(await stats.stream.length()).toBe(0)
  })
})
