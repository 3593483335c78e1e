import { afterEach, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Store } from '../../common/store/store.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import { periodAt, startOfDay } from '../../engine/time/periods.ts'
import { clockOf } from '../../engine/time/wall-clock.ts'
import { tallies } from '../../subgraphs/stats/repository.ts'
import { type StatsWorker, startStatsWorker } from '../../subgraphs/stats/worker.ts'
import { eventsOf, NOW, type PlannedApp, planApp, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'
import { until } from '../support/until.ts'

const PERIOD = { from: NOW - DAY_MS, to: NOW + 3 * DAY_MS, interval: 'TOTAL' }

describeEachStore('Counting events', (open) => {
  let store: Store
  let stats: TestStats
  let home: PlannedApp
  let token: string
  beforeEach(async () => {
    store = await open()
    stats = await startStats(store)
    home = await planApp(store, 'home')
    token = stats.token(home)
  })

  afterEach(() => stats.stop())

  const impressions = async () => (await stats.report('home', PERIOD)).total.impressions
  const send = (n: number, prefix: string) => stats.asApp('home', eventsOf(n, prefix, { type: 'IMPRESSION', token }))

  test('the same id is counted once: in a batch, across batches, across folds', async () => {
    await stats.asApp('home', [
      { id: 'a', type: 'IMPRESSION', token },
      { id: 'a', type: 'IMPRESSION', token },
      { id: 'b', type: 'IMPRESSION', token },
    ])
    await stats.asApp('home', [{ id: 'b', type: 'CLICK', token }])
    await stats.fold()
    await stats.asApp('home', [{ id: 'a', type: 'IMPRESSION', token }])
    await stats.fold()
    const { total } = await stats.report('home', PERIOD)
    expect(total).toMatchObject({ impressions: 2, clicks: 0 })
    expect(await tallies.of(store, 'home', startOfDay(NOW, 'UTC'))).toMatchObject({ accepted: 5, duplicate: 3 })
  })

  test('the same id in another app is another event', async () => {
    const other = await planApp(store, 'other')
    await send(1, 'same')
    await stats.asApp('other', eventsOf(1, 'same', { type: 'IMPRESSION', token: stats.token(other) }))
    await stats.fold()
    expect(await impressions()).toBe(1)
    expect((await stats.report('other', PERIOD)).total.impressions).toBe(1)
  })

  test('a repeat counts again once 24 hours have passed since the one that counted', async () => {
    await send(1, 'daily')
    await stats.fold()
    stats.clock.advance(DAY_MS - 1)
    await send(1, 'daily')
    await stats.fold()
    expect(await impressions()).toBe(1)
    stats.clock.advance(1)
    await send(1, 'daily')
    await stats.fold()
    expect(await impressions()).toBe(2)
    await send(1, 'daily')
    await stats.fold()
    expect(await impressions()).toBe(2)
  })

  test('a worker that was down for hours still knows a repeat', async () => {
    await send(1, 'slow')
    stats.clock.advance(DAY_MS - 1)
    await send(1, 'slow')
    stats.clock.advance(DAY_MS)
    await stats.fold()
    expect(await impressions()).toBe(1)
  })

  test('events that were accepted before a crash are folded by the next worker', async () => {
    await send(700, 'before')
    expect(await impressions()).toBe(0)
    await stats.fold()
    expect(await impressions()).toBe(700)
    expect(await stats.stream.length()).toBe(0)
  })

  test('a crash after the fold and before the trim counts nothing twice', async () => {
    await send(50, 'folded')
    await foldOnce(failing(stats.stream, 'trim'))
    expect(await stats.stream.length()).toBe(50)
    expect(await impressions()).toBe(50)
    await send(10, 'more')
    await stats.fold()
    expect(await impressions()).toBe(60)
    expect(await stats.stream.length()).toBe(0)
    // Not even read again: they would be tallied as duplicates.
    expect(await tallies.of(store, 'home', startOfDay(NOW, 'UTC'))).toMatchObject({ accepted: 60, duplicate: 0 })
  })

  test('the next worker trims what the previous one folded, even when nothing new comes', async () => {
    await send(5, 'folded')
    await foldOnce(failing(stats.stream, 'trim'))
    await stats.fold()
    expect(await stats.stream.length()).toBe(0)
    expect(await impressions()).toBe(5)
  })

  test('a stream that cannot be read loses nothing: the worker continues later', async () => {
    const flaky = { ...stats.stream, read: () => Promise.reject(new Error('out of reach')) } as EventStream
    const worker = startStatsWorker(stats.services, flaky, { name: 'mongodb', pollMs: 5 })
    await send(3, 'patient')
    await until('it has failed twice', () => worker.status().failures >= 2)
    await expect(worker.drain()).rejects.toThrow('out of reach')
    flaky.read = stats.stream.read
    await until('it has folded', () => worker.status().folded === 3 && worker.status().failures === 0)
    expect(worker.status().lastError).toBeNull()
    await worker.stop()
    expect(await impressions()).toBe(3)
  })

  test('a worker folds by itself, and at once when it is woken', async () => {
    const worker = startStatsWorker(stats.services, stats.stream, { name: 'mongodb', pollMs: 20 })
    await send(2, 'polled')
    await until('it has folded', () => worker.status().folded === 2)
    await worker.stop()
    const sleeper = stats.worker()
    await sleeper.drain()
    await send(3, 'woken')
    sleeper.wake()
    await until('it has folded', () => sleeper.status().folded === 3)
    expect(await impressions()).toBe(5)
  })

  test('two workers at once count everything once', async () => {
    const start = () => startStatsWorker(stats.services, stats.stream, { name: 'mongodb', pollMs: 1, batch: 40 })
    const workers: StatsWorker[] = [start(), start()]
    for (let round = 0; round < 10; round++) {
      await Promise.all([send(60, `a${round}`), send(60, `b${round}`), send(30, `a${round}`)])
    }
    await Promise.all(workers.map((worker) => worker.drain()))
    await Promise.all(workers.map((worker) => worker.stop()))
    expect(await impressions()).toBe(1_200)
    const tally = await tallies.of(store, 'home', startOfDay(NOW, 'UTC'))
    expect(tally).toMatchObject({ accepted: 1_500, duplicate: 300 })
    const folded = workers.map((worker) => worker.status().folded)
    expect(folded[0]! + folded[1]!).toBe(1_500)
  })

  test('for random events, the rollups equal a plain count', async () => {
    const zones = ['UTC', 'Asia/Kolkata', 'America/St_Johns', 'Australia/Lord_Howe']
    const apps = await Promise.all(zones.map((zone, n) => planApp(store, `zone-${n}`, zone)))
    const event = fc.record({
      app: fc.nat(apps.length - 1),
      id: fc.nat(60),
      type: fc.constantFrom('IMPRESSION', 'CLICK', 'CONVERSION'),
      ago: fc.integer({ min: 0, max: 20 * DAY_MS }),
    })
    const batches = fc.array(
      fc.record({ events: fc.array(event, { minLength: 1, maxLength: 40 }), fold: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 6,
      },
    )
    let run = 0
    await fc.assert(
      fc.asyncProperty(batches, async (sent) => {
        run++
        const plain = new PlainCount()
        for (const { events, fold } of sent) {
          for (const [app, own] of Map.groupBy(events, ({ app }) => app)) {
            const planned = apps[app]!
            // A schedule of its own for every run, so that runs do not add up.
            const token = stats.token({ ...planned, schedule: `sch_run_${run}` })
            await stats.asApp(
              planned.app,
              own.map(({ id, type, ago }) => {
                const at = NOW - ago
                plain.count(
                  `${app} ${id}`,
                  type,
                  `${app} ${periodAt(clockOf(zones[app]!), at, 'HOUR').begins}`,
                  `${app} ${startOfDay(at, zones[app]!)}`,
                )
                return { id: `${run}.${id}`, type, token, at: new Date(at).toISOString() }
              }),
            )
          }
          if (fold) await stats.fold()
        }
        await stats.fold()
        for (const [interval, expected] of [
          ['HOUR', plain.hours],
          ['DAY', plain.days],
        ] as const) {
          const found = new Map<string, object>()
          for (const [n, { app }] of apps.entries()) {
            const question = { ids: [`sch_run_${run}`], from: NOW - 21 * DAY_MS, to: NOW + 1, interval }
            const { rows } = await stats.report(app, question)
            for (const { at, impressions, clicks, conversions } of rows) {
              found.set(`${n} ${Date.parse(at)}`, { IMPRESSION: impressions, CLICK: clicks, CONVERSION: conversions })
            }
          }
          expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
        }
      }),
      { numRuns: 20 },
    )
  })

  /** One batch, with what a crash leaves undone. */
  async function foldOnce(stream: EventStream): Promise<void> {
    const worker = startStatsWorker(stats.services, stream, { name: 'mongodb', pollMs: 3_600_000 })
    await worker.drain()
    await worker.stop()
  }
})

/** The stream, with one call that never gets through. */
function failing(stream: EventStream, call: 'trim'): EventStream {
  return { ...stream, [call]: () => Promise.reject(new Error('crashed')) }
}

class PlainCount {
  readonly hours = new Map<string, Record<string, number>>()
  readonly days = new Map<string, Record<string, number>>()
  private readonly ids = new Set<string>()

  count(id: string, type: string, hour: string, day: string): void {
    if (this.ids.has(id)) return
    this.ids.add(id)
    for (const [counts, bucket] of [
      [this.hours, hour],
      [this.days, day],
    ] as const) {
      const own = counts.get(bucket) ?? { IMPRESSION: 0, CLICK: 0, CONVERSION: 0 }
      own[type]!++
      counts.set(bucket, own)
    }
  }
}
