import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readCapToken, writeCapToken } from '../../engine/decision/cap-token.ts'
import {
  type CapCounters,
  capPeriodsOf,
  cappedBy,
  compileCaps,
  count,
  hash48,
  isCapped,
  timesServed,
} from '../../engine/decision/caps.ts'
import type { FrequencyCap } from '../../engine/publication/types.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { plainlyServed } from '../support/plain-caps.ts'

const NOON = Date.UTC(2026, 4, 1, 12)
const LIFETIME_ONCE: FrequencyCap = { count: 1, every: 1, unit: 'LIFETIME' }

const capOf = (count: number, every: number, unit: FrequencyCap['unit']): FrequencyCap => ({ count, every, unit })
const nothingSeen = (now = NOON): CapCounters => readCapToken(null, 'ann', now, capPeriodsOf('UTC')).counters
const compiled = (id: string, ...caps: FrequencyCap[]) => compileCaps(id, caps)!

/** Serves it at each of the instants at which it is not capped, as long as the client keeps its token; which they were. */
function servedAt(caps: readonly FrequencyCap[], instants: readonly number[], zone = 'UTC'): number[] {
  const all = compileCaps('sch_1', caps)!
  let kept: string | undefined
  return instants.filter((now) => {
    const { counters } = readCapToken(kept, 'ann', now, capPeriodsOf(zone))
    if (isCapped(counters, all, now)) return false
    count(counters, all, now)
    kept = writeCapToken(counters, now)
    return true
  })
}

const anyCap: fc.Arbitrary<FrequencyCap> = fc.oneof(
  fc.record({
    count: fc.integer({ min: 1, max: 4 }),
    every: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constantFrom(7, 60, 366)),
    unit: fc.constantFrom('MINUTE' as const, 'HOUR' as const, 'DAY' as const),
  }),
  fc.integer({ min: 1, max: 6 }).map((count) => capOf(count, 1, 'LIFETIME')),
)
const someCaps = fc.uniqueArray(anyCap, {
  minLength: 1,
  maxLength: 10,
  selector: ({ every, unit }) => `${every}${unit}`,
})

describe('A cap', () => {
  test('holds for a period of the clock, which begins anew at its boundary', () => {
    const midnight = Date.UTC(2026, 4, 2)
    const instants = [midnight - 2, midnight - 1, midnight, midnight + 1, midnight + DAY_MS - 1, midnight + DAY_MS]
    expect(servedAt([capOf(1, 1, 'DAY')], instants)).toEqual([midnight - 2, midnight, midnight + DAY_MS])
    const hours = [11.9, 12, 13.9, 14].map((hour) => Date.UTC(2026, 4, 1) + hour * HOUR_MS)
    expect(servedAt([capOf(1, 2, 'HOUR')], hours)).toEqual([hours[0], hours[1], hours[3]])
    expect(servedAt([capOf(2, 5, 'MINUTE')], [0, 1, 2, 299_999, 300_000])).toEqual([0, 1, 300_000])
  })

  test('of a lifetime never begins anew', () => {
    expect(servedAt([LIFETIME_ONCE], [NOON, NOON + 1, NOON + 50 * 366 * DAY_MS])).toEqual([NOON])
  })

  test('holds beside the others: the first that is reached says so', () => {
    const caps = [capOf(2, 1, 'HOUR'), capOf(3, 1, 'DAY')]
    expect(servedAt(caps, [0, 1, 2, HOUR_MS, HOUR_MS + 1, DAY_MS])).toEqual([0, 1, HOUR_MS, DAY_MS])
    const counters = nothingSeen()
    const all = compiled('sch_1', ...caps)
    count(counters, all, NOON)
    expect(cappedBy(counters, all, NOON)).toBeNull()
    count(counters, all, NOON)
    expect(cappedBy(counters, all, NOON)).toMatchObject({ source: caps[0] })
    expect(all.map((cap) => timesServed(counters, cap, NOON))).toEqual([2, 2])
  })

  test('counts for one thing alone', () => {
    const counters = nothingSeen()
    count(counters, compiled('sch_1', LIFETIME_ONCE), NOON)
    expect(isCapped(counters, compiled('sch_1', LIFETIME_ONCE), NOON)).toBe(true)
    expect(isCapped(counters, compiled('sch_2', LIFETIME_ONCE), NOON)).toBe(false)
  })

  test('whose count changes goes on with what was counted; one whose period changes begins anew', () => {
    const counters = nothingSeen()
    for (let served = 0; served < 2; served += 1) count(counters, compiled('sch_1', capOf(2, 1, 'DAY')), NOON)
    const reached = (cap: FrequencyCap) => isCapped(counters, compiled('sch_1', cap), NOON)
    expect([capOf(1, 1, 'DAY'), capOf(2, 1, 'DAY'), capOf(3, 1, 'DAY')].map(reached)).toEqual([true, true, false])
    expect(reached(capOf(1, 2, 'DAY'))).toBe(false)
  })

  test('of the same length as another leaves only the lower of the two', () => {
    const caps = [capOf(5, 2, 'HOUR'), capOf(2, 120, 'MINUTE'), capOf(3, 1440 / 4, 'MINUTE')]
    expect(compiled('sch_1', ...caps).map(({ source }) => source)).toEqual([caps[1], caps[2]])
    expect(servedAt([caps[0]!, caps[1]!], [0, 1, 2])).toEqual([0, 1])
  })

  test('of 24 hours is another than one of a day, which may be longer', () => {
    const caps = [capOf(5, 1, 'DAY'), capOf(2, 24, 'HOUR')]
    expect(compiled('sch_1', ...caps).map(({ source }) => source)).toEqual(caps)
    expect(new Set(compiled('sch_1', ...caps).map(({ id }) => id)).size).toBe(2)
  })

  test('is nothing to look at where there are none', () => expect(compileCaps('sch_1', [])).toBeNull())

  test('counts the days of the zone, which may have 23 or 25 hours', () => {
    const served = (zone: string, times: string[]) =>
      servedAt(
        [capOf(1, 1, 'DAY')],
        times.map((time) => Date.parse(time)),
        zone,
      ).map((at) => new Date(at).toISOString().slice(5, 16))
    // Midnight is at 18:30Z in Kolkata, and at 23:00Z or 22:00Z in Berlin, before and after 29 March 2026.
    expect(
      served('Asia/Kolkata', ['2026-05-01T18:29Z', '2026-05-01T18:30Z', '2026-05-02T18:29Z', '2026-05-02T18:30Z']),
    ).toEqual(['05-01T18:29', '05-01T18:30', '05-02T18:30'])
    expect(
      served('Europe/Berlin', ['2026-03-28T22:59Z', '2026-03-28T23:00Z', '2026-03-29T21:59Z', '2026-03-29T22:00Z']),
    ).toEqual(['03-28T22:59', '03-28T23:00', '03-29T22:00'])
    expect(served('Europe/Berlin', ['2026-10-24T22:00Z', '2026-10-25T22:59Z', '2026-10-25T23:00Z'])).toEqual([
      '10-24T22:00',
      '10-25T23:00',
    ])
  })

  test('counts hours as the clock of the zone shows them', () => {
    const times = ['2026-05-01T12:29Z', '2026-05-01T12:30Z', '2026-05-01T13:29Z', '2026-05-01T13:30Z'].map((time) =>
      Date.parse(time),
    )
    expect(servedAt([capOf(1, 1, 'HOUR')], times, 'Asia/Kolkata')).toEqual([times[0], times[1], times[3]])
    expect(servedAt([capOf(1, 2, 'HOUR')], times, 'Asia/Kolkata')).toEqual([times[0], times[1]])
  })

  test('that was begun in one zone goes on to its end when the app moves to another, and is then of the new one', () => {
    const daily = compiled('sch_1', capOf(1, 1, 'DAY'))
    const capped = (zone: string, now: string, token: string) =>
      isCapped(readCapToken(token, 'ann', Date.parse(now), capPeriodsOf(zone)).counters, daily, Date.parse(now))
    const servedIn = (zone: string) => {
      const { counters } = readCapToken(null, 'ann', NOON, capPeriodsOf(zone))
      count(counters, daily, NOON)
      return writeCapToken(counters, NOON)
    }
    // At noon UTC on 1 May 2026: the day ends at 04:00Z in New York, and at 22:00Z in Berlin. Tokens of UTC end at midnight.
    for (const [from, to, end] of [
      ['America/New_York', 'Europe/Berlin', '2026-05-02T04:00Z'],
      ['Europe/Berlin', 'America/New_York', '2026-05-01T22:00Z'],
      ['UTC', 'America/New_York', '2026-05-02T00:00Z'],
    ] as const) {
      const token = servedIn(from)
      const before = new Date(Date.parse(end) - 1).toISOString()
      expect([from, capped(to, before, token), capped(to, end, token)]).toEqual([from, true, false])
    }
  })

  test('served at any instants, whatever the caps and the zone, is served as a plain count of each period says', () => {
    const steps = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 3 * MINUTE_MS }), fc.integer({ min: 0, max: 2 * DAY_MS })),
      { maxLength: 40 },
    )
    const anyStart = fc.tuple(fc.constantFrom('UTC', 'Asia/Kolkata'), fc.integer({ min: 0, max: 4e12 }))
    // Some hours before clocks change there.
    const changes = fc.constantFrom(
      ['Europe/Berlin', '2026-03-29T01:00Z'],
      ['Europe/Berlin', '2026-10-25T01:00Z'],
      ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
      ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
      ['America/Sao_Paulo', '2018-11-04T03:00Z'],
      ['America/St_Johns', '2010-11-07T02:31Z'],
      ['Antarctica/Troll', '2026-03-29T01:00Z'],
      ['Africa/Casablanca', '2026-02-15T02:00Z'],
      ['Pacific/Apia', '2011-12-30T10:00Z'],
      ['Asia/Kathmandu', '2026-05-01T18:15Z'],
    )
    const nearChange = fc
      .tuple(changes, fc.integer({ min: 0, max: 12 * HOUR_MS }))
      .map(([[zone, at], before]): [string, number] => [zone!, Date.parse(at!) - before])
    fc.assert(
      fc.property(someCaps, fc.oneof(anyStart, nearChange, nearChange), steps, (caps, [zone, start], waits) => {
        let now = start
        const instants = waits.map((wait) => (now += wait))
        expect(servedAt(caps, instants, zone)).toEqual(plainlyServed(caps, instants, zone))
      }),
      { numRuns: 400 },
    )
  })

  test('is never exceeded by nodes whose clocks differ by less than a period', () => {
    const skewed = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: HOUR_MS }),
        skew: fc.integer({ min: -HOUR_MS / 2 + 1, max: HOUR_MS / 2 - 1 }),
      }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), skewed, (times, requests) => {
        let now = NOON
        const instants = requests.map(({ wait, skew }) => {
          now += wait
          return now + skew
        })
        const served = servedAt([capOf(times, 1, 'HOUR')], instants)
        // What the clock that was furthest ahead so far says is the period that a serving counts in.
        let latest = Number.NEGATIVE_INFINITY
        const periods = served.map((instant) => (latest = Math.max(latest, Math.floor(instant / HOUR_MS))))
        const inEach = [...Map.groupBy(periods, (period) => period).values()].map(({ length }) => length)
        expect(Math.max(0, ...inEach)).toBeLessThanOrEqual(times)
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    [1, 'MINUTE', HOUR_MS],
    [1, 'MINUTE', 10 * 366 * DAY_MS],
    [366, 'DAY', 10 * 366 * DAY_MS],
  ] as const)('per %d %s caps nothing after a clock that was %d ms ahead once', (every, unit, ahead) => {
    expect(servedAt([capOf(1, every, unit)], [NOON + ahead, NOON, NOON + 1])).toEqual([NOON + ahead, NOON])
  })
})

test('hash48 is spread over all of its 48 bits, and no two of 20,000 names share one', () => {
  const hashes = Array.from({ length: 20_000 }, (_, index) => hash48(`sch_${index}/86400000`))
  expect(new Set(hashes).size).toBe(hashes.length)
  for (let bit = 0; bit < 48; bit += 1) {
    const set = hashes.slice(0, 10_000).filter((hash) => Math.floor(hash / 2 ** bit) % 2 === 1).length
    // Five standard deviations of 10,000 tosses of a coin are 250.
    expect(Math.abs(set - 5_000)).toBeLessThan(250)
  }
})
