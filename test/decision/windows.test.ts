import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileOpeningTimes } from '../../engine/decision/opening-times.ts'
import { CompiledWindows, compileWindows, OpenNow } from '../../engine/decision/windows.ts'
import type { DayPart, PublishedTimes } from '../../engine/publication/types.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { plainlyOpen } from '../support/plain-times.ts'

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
const part = (from: string, to: string, days = EVERY_DAY): DayPart => ({ days, from: minutes(from), to: minutes(to) })
const at = (text: string) => Date.parse(text)

type Given = Partial<PublishedTimes> & { startsAt?: string; endsAt?: string }

function windowsOf({ startsAt, endsAt, ...times }: Given) {
  return compileWindows({
    startsAt: startsAt ? at(startsAt) : null,
    endsAt: endsAt ? at(endsAt) : null,
    times: { zone: 'UTC', dayParts: [], excludedDates: [], recurrence: null, ...times },
  })
}

/** The stretches between two instants in which it is open, found by `nextChange` alone. */
function stretches(given: Given, from: string, to: string): string[] {
  const windows = windowsOf(given)
  const found: string[] = []
  let opened: number | null = null
  for (let now = at(from); now <= at(to); now = windows.nextChange(now)) {
    if (windows.isOpen(now)) opened ??= now
    else if (opened !== null) {
      found.push(`${text(opened)} ${text(now)}`)
      opened = null
    }
  }
  return opened === null ? found : [...found, `${text(opened)} ...`]
}

const text = (instant: number) => new Date(instant).toISOString().slice(5, 16)

describe('Windows', () => {
  test('without times, an entry is open from its start until just before its end', () => {
    const windows = compileWindows({ startsAt: 1_000, endsAt: 2_000, times: null })
    expect([999, 1_000, 1_999, 2_000].map((now) => windows.isOpen(now))).toEqual([false, true, true, false])
    expect([999, 1_000, 1_999, 2_000].map((now) => windows.nextChange(now))).toEqual([1_000, 2_000, 2_000, Infinity])
    expect([999, 1_000, 2_000].map((now) => windows.reasonAt(now))).toEqual(['WINDOW', 'OPEN', 'WINDOW'])
    expect(compileWindows({ startsAt: null, endsAt: null, times: null }).nextChange(0)).toBe(Infinity)
  })

  test('a part is open on its days, from its first minute until just before its end', () => {
    const given = { zone: 'Asia/Shanghai', dayParts: [part('09:00', '17:30', [1, 5])] }
    expect(stretches(given, '2026-05-01T00:00Z', '2026-05-08T00:00Z')).toEqual([
      '05-01T01:00 05-01T09:30',
      '05-04T01:00 05-04T09:30',
    ])
  })

  test('a part whose end is not after its beginning runs into the next day, and belongs to the day on which it began', () => {
    const given = { dayParts: [part('22:00', '02:00', [5])] }
    expect(stretches(given, '2026-05-01T00:00Z', '2026-05-07T00:00Z')).toEqual(['05-01T22:00 05-02T02:00'])
    const wholeDay = { dayParts: [part('08:00', '08:00', [5])] }
    expect(stretches(wholeDay, '2026-05-01T00:00Z', '2026-05-07T00:00Z')).toEqual(['05-01T08:00 05-02T08:00'])
  })

  test('parts that overlap or touch are open as one', () => {
    const given = { dayParts: [part('09:00', '11:00'), part('10:00', '12:00'), part('12:00', '13:00', [5])] }
    expect(stretches(given, '2026-05-01T00:00Z', '2026-05-02T20:00Z')).toEqual([
      '05-01T09:00 05-01T13:00',
      '05-02T09:00 05-02T12:00',
    ])
    const overMidnight = { dayParts: [part('20:00', '24:00', [5]), part('00:00', '03:00', [6])] }
    expect(stretches(overMidnight, '2026-05-01T00:00Z', '2026-05-07T00:00Z')).toEqual(['05-01T20:00 05-02T03:00'])
  })

  test('no part begins on an excluded date, but what began the day before runs into it', () => {
    const given = { dayParts: [part('22:00', '02:00')], excludedDates: ['2026-05-02'] }
    expect(stretches(given, '2026-05-01T12:00Z', '2026-05-04T12:00Z')).toEqual([
      '05-01T22:00 05-02T02:00',
      '05-03T22:00 05-04T02:00',
    ])
  })

  test('without parts, an excluded date is closed from its first instant until the first of the next day', () => {
    const given = { zone: 'America/Sao_Paulo', excludedDates: ['2018-11-04'] }
    const windows = windowsOf(given)
    // That day began at 01:00.
    expect(windows.nextChange(at('2018-11-04T00:00Z'))).toBe(at('2018-11-04T03:00Z'))
    expect(windows.nextChange(at('2018-11-04T03:00Z'))).toBe(at('2018-11-05T02:00Z'))
  })

  test('a recurrence names the days on which parts begin, from the local date of the start on', () => {
    const given = {
      ...{ zone: 'Asia/Shanghai', recurrence: 'FREQ=DAILY;INTERVAL=2;COUNT=2', dayParts: [part('10:00', '11:00')] },
      startsAt: '2026-05-01T20:00Z', // the second of May there
    }
    expect(stretches(given, '2026-05-01T00:00Z', '2026-06-01T00:00Z')).toEqual([
      '05-02T02:00 05-02T03:00',
      '05-04T02:00 05-04T03:00',
    ])
  })

  test('the window cuts off parts at both ends', () => {
    const given = { dayParts: [part('22:00', '02:00')], startsAt: '2026-05-01T01:00Z', endsAt: '2026-05-01T23:00Z' }
    expect(stretches(given, '2026-04-29T00:00Z', '2026-06-01T00:00Z')).toEqual([
      '05-01T01:00 05-01T02:00',
      '05-01T22:00 05-01T23:00',
    ])
    const windows = windowsOf(given)
    const asked = ['2026-05-01T00:30Z', '2026-05-01T01:00Z', '2026-05-01T02:00Z', '2026-05-01T23:00Z']
    expect(asked.map((now) => windows.reasonAt(at(now)))).toEqual(['WINDOW', 'OPEN', 'DAY_PART', 'WINDOW'])
  })

  test('a sparse recurrence is found, however long one has to look', () => {
    const given = { recurrence: 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', startsAt: '2024-02-01T00:00Z' }
    expect(stretches(given, '2024-01-01T00:00Z', '2030-01-01T00:00Z')).toEqual([
      '02-29T00:00 03-01T00:00',
      '02-29T00:00 03-01T00:00',
    ])
  })

  test('times that are not known are refused when they are compiled', () => {
    expect(() => windowsOf({ zone: 'Mars/Olympus', dayParts: [part('09:00', '10:00')] })).toThrow(RangeError)
    expect(() => windowsOf({ recurrence: 'FREQ=HOURLY', startsAt: '2026-05-01T00:00Z' })).toThrow('recurrence')
    expect(() => windowsOf({ recurrence: 'FREQ=DAILY' })).toThrow('needs a first day to count from')
  })

  test('entries that share their times share no window, nor the first day of their recurrence', () => {
    const recurrence = 'FREQ=DAILY;INTERVAL=2'
    const times = { zone: 'Europe/Berlin', dayParts: [part('09:00', '10:00')], excludedDates: [], recurrence }
    const starts = ['2026-05-01T00:00Z', '2026-05-01T12:00Z', '2026-05-02T12:00Z', '2026-04-30T21:00Z'].map(at)
    const opened = starts.map((startsAt) => {
      const windows = compileWindows({ startsAt, endsAt: at('2026-05-05T07:30Z'), times })
      const hours = Array.from({ length: 11 * 24 }, (_, hour) => at('2026-04-29T00:15Z') + hour * HOUR_MS)
      return hours.filter((now) => windows.isOpen(now)).map(text)
    })
    expect(opened).toEqual([
      ['05-01T07:15', '05-03T07:15', '05-05T07:15'],
      ['05-03T07:15', '05-05T07:15'],
      ['05-04T07:15'],
      ['05-02T07:15', '05-04T07:15'],
    ])
  })
})

describe('Day parts where clocks change', () => {
  // Berlin 2026: on March 29 from 02:00 (01:00Z) to 03:00, on October 25 from 03:00 (01:00Z) back to 02:00.
  test.each([
    ['02:00', '03:00', []],
    ['02:15', '02:45', []],
    ['02:30', '03:30', ['03-29T01:00 03-29T01:30']],
    ['01:30', '02:30', ['03-29T00:30 03-29T01:00']],
    ['01:00', '04:00', ['03-29T00:00 03-29T02:00']],
  ])('in Berlin, %s to %s on the day whose clocks skip 02:00 to 03:00', (from, to, open) => {
    const given = { zone: 'Europe/Berlin', dayParts: [part(from, to)] }
    expect(stretches(given, '2026-03-28T23:00Z', '2026-03-29T22:00Z')).toEqual(open)
  })

  test.each([
    ['02:00', '03:00', '10-25T00:00 10-25T02:00'],
    ['02:15', '02:45', '10-25T00:15 10-25T01:45'],
    ['01:00', '02:00', '10-24T23:00 10-25T00:00'],
    ['01:00', '02:30', '10-24T23:00 10-25T01:30'],
    ['02:30', '04:00', '10-25T00:30 10-25T03:00'],
    ['03:00', '04:00', '10-25T02:00 10-25T03:00'],
  ])('in Berlin, %s to %s on the day whose clocks show 02:00 to 03:00 twice', (from, to, open) => {
    const given = { zone: 'Europe/Berlin', dayParts: [part(from, to)] }
    expect(stretches(given, '2026-10-24T22:00Z', '2026-10-25T23:00Z')).toEqual([open])
  })

  test('in New York, a night over the change has an hour less in spring and one more in autumn', () => {
    const given = { zone: 'America/New_York', dayParts: [part('22:00', '06:00', [6])] }
    expect(stretches(given, '2026-03-07T12:00Z', '2026-03-09T12:00Z')).toEqual(['03-08T03:00 03-08T10:00'])
    expect(stretches(given, '2026-10-31T12:00Z', '2026-11-02T12:00Z')).toEqual(['11-01T02:00 11-01T11:00'])
  })

  test('on Lord Howe Island, clocks change by half an hour', () => {
    const given = { zone: 'Australia/Lord_Howe', dayParts: [part('01:30', '02:30')] }
    // From 02:00 back to 01:30 on April 5, from 02:00 to 02:30 on October 4.
    expect(stretches(given, '2026-04-04T12:00Z', '2026-04-05T12:00Z')).toEqual(['04-04T14:30 04-04T16:00'])
    expect(stretches(given, '2026-10-03T12:00Z', '2026-10-04T12:00Z')).toEqual(['10-03T15:00 10-03T15:30'])
  })

  test('a part from midnight on a day without midnight begins with the day', () => {
    const given = { dayParts: [part('00:00', '02:00', [7])] }
    // Beirut goes from 00:00 to 01:00 on March 29, 2026.
    const beirut = { ...given, zone: 'Asia/Beirut' }
    expect(stretches(beirut, '2026-03-28T12:00Z', '2026-03-30T12:00Z')).toEqual(['03-28T22:00 03-28T23:00'])
    const saoPaulo = { ...given, zone: 'America/Sao_Paulo' }
    expect(stretches(saoPaulo, '2018-11-03T12:00Z', '2018-11-05T12:00Z')).toEqual(['11-04T03:00 11-04T04:00'])
  })

  test('in Apia, nothing begins on the Friday that the island skipped', () => {
    const given = { zone: 'Pacific/Apia', dayParts: [part('22:00', '02:00', [4, 5]), part('09:00', '10:00', [5])] }
    // Thursday, December 29, 2011, ended at 10:00Z; then it was Saturday.
    expect(stretches(given, '2011-12-29T12:00Z', '2012-01-01T00:00Z')).toEqual(['12-30T08:00 12-30T10:00'])
  })
})

describe('Compiled windows', () => {
  test('know of a day with very many parts, also in the hour that comes twice when the next day has begun', () => {
    // St. John's went from 00:01 (02:31Z) back to 23:01 of the day before.
    const dayParts = Array.from({ length: 40 }, (_, at) => ({ days: EVERY_DAY, from: 36 * at, to: 36 * at + 1 }))
    const times = { zone: 'America/St_Johns', dayParts, excludedDates: [], recurrence: null }
    const entry = { startsAt: null, endsAt: null, times }
    const begin = at('2010-11-07T02:00Z')
    const open = Array.from({ length: 180 }, (_, minute) => compileWindows(entry).isOpen(begin + minute * MINUTE_MS))
    expect(open).toEqual(plainlyOpen(entry, begin, 180))
    for (const instant of ['2010-11-07T02:45Z', '2010-11-07T03:29Z']) {
      expect(compileOpeningTimes(times, null).sameUntil(at(instant))).toBeGreaterThan(at(instant))
    }
  })

  /** Where, on which date and at about which time clocks change; the last do not. */
  const changes: [zone: string, date: string, time: string][] = [
    ['Europe/Berlin', '2026-03-29', '02:30'],
    ['Europe/Berlin', '2026-10-25', '02:30'],
    ['America/New_York', '2026-03-08', '02:30'],
    ['America/New_York', '2026-11-01', '01:30'],
    ['Australia/Lord_Howe', '2026-04-05', '01:45'],
    ['Australia/Lord_Howe', '2026-10-04', '02:15'],
    ['America/Sao_Paulo', '2018-11-04', '00:30'],
    ['America/Sao_Paulo', '2018-02-18', '23:30'],
    ['Asia/Beirut', '2026-03-29', '00:30'],
    ['Asia/Beirut', '2026-10-25', '23:30'],
    ['America/St_Johns', '2010-03-14', '00:30'],
    ['America/St_Johns', '2010-11-07', '23:30'],
    ['Africa/Casablanca', '2026-02-15', '02:30'],
    ['Africa/Casablanca', '2026-03-22', '02:30'],
    ['Pacific/Apia', '2011-12-30', '00:00'],
    ['Asia/Kathmandu', '2026-06-15', '12:00'],
  ]
  const dayPartsAround = (change: string) => {
    const near = fc.integer({ min: -75, max: 75 }).map((by) => (minutes(change) + by + 1_440) % 1_440)
    const minute = fc.oneof(fc.integer({ min: 0, max: 1_439 }), near, near)
    const days = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 3 })
    const part = fc
      .record({ days, from: minute, to: minute })
      .map(({ days, from, to }) => ({ days: days.sort(), from, to: to || 1_440 }))
    return fc.array(part, { maxLength: 4 })
  }
  const cases = fc.constantFrom(...changes).chain(([zone, around, change]) => {
    const near = (days: number) =>
      fc.integer({ min: -days * 1_440, max: days * 1_440 }).map((by) => at(around) + by * MINUTE_MS)
    const date = fc
      .integer({ min: -2, max: 2 })
      .map((days) => new Date(at(around) + days * DAY_MS).toISOString().slice(0, 10))
    const recurrence = fc.constantFrom(
      null,
      'FREQ=DAILY;INTERVAL=2',
      'FREQ=WEEKLY;BYDAY=SA,SU,MO',
      'FREQ=DAILY;COUNT=3',
    )
    const times = fc.record({ excludedDates: fc.uniqueArray(date, { maxLength: 3 }), recurrence })
    const bound = fc.option(near(3), { freq: 1 })
    return fc
      .record({ begin: near(1), startsAt: bound, endsAt: bound, times, dayParts: dayPartsAround(change) })
      .map(({ begin, startsAt, endsAt, times, dayParts }) => ({
        begin,
        startsAt: times.recurrence === null ? startsAt : (startsAt ?? at(around) - 2 * DAY_MS),
        endsAt,
        times: { zone, dayParts, ...times },
      }))
  })
  const MINUTES = 1_440

  test('are open when a plain reading of the clock says so, minute by minute', () => {
    fc.assert(
      fc.property(cases, ({ begin, ...entry }) => {
        const windows = compileWindows(entry)
        const open = Array.from({ length: MINUTES }, (_, minute) => windows.isOpen(begin + minute * MINUTE_MS))
        expect(open).toEqual(plainlyOpen(entry, begin, MINUTES))
      }),
      { numRuns: 300 },
    )
  })

  const instants = fc.array(fc.integer({ min: 0, max: 90 * 1_440 }), { minLength: 2, maxLength: 40 })

  test('have the same answers in whatever order they are asked', () => {
    fc.assert(
      fc.property(cases, instants, ({ begin, startsAt, times }, offsets) => {
        const openingTimes = compileOpeningTimes(times, startsAt)
        for (const offset of offsets) {
          const now = begin + offset * MINUTE_MS
          const fresh = compileOpeningTimes(times, startsAt)
          expect([openingTimes.isOpen(now), openingTimes.sameUntil(now)]).toEqual([
            fresh.isOpen(now),
            fresh.sameUntil(now),
          ])
        }
      }),
      { numRuns: 100 },
    )
  })

  test('stay as they are until nextChange, which is always later', () => {
    fc.assert(
      fc.property(cases, instants, ({ begin, ...entry }, offsets) => {
        const windows = compileWindows(entry)
        for (const offset of offsets) {
          const now = begin + offset * MINUTE_MS
          const next = windows.nextChange(now)
          expect(next).toBeGreaterThan(now)
          const later = Math.min(next, now + 3 * DAY_MS)
          const answers = new Set([windows.isOpen(now), windows.isOpen(later - 1)])
          for (let between = now; between < later; between += 7 * MINUTE_MS) answers.add(windows.isOpen(between))
          expect(answers.size).toBe(1)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('Windows that are prepared ahead', () => {
  /** Counts how often the minutes of a part are read: that is when a batch of opening times is computed. */
  function countedPart(from: string, to: string, days = EVERY_DAY) {
    const plain = part(from, to, days)
    const counted = { reads: 0, days, from: 0, to: plain.to }
    Object.defineProperty(counted, 'from', {
      get() {
        counted.reads += 1
        return plain.from
      },
    })
    return counted
  }

  const steps = fc.array(fc.integer({ min: 1, max: 29 }), { minLength: 200, maxLength: 400 })
  const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia']

  test('compute nothing when they are asked, and answer as windows that were never prepared', () => {
    const weekdays = fc.constantFrom(EVERY_DAY, [1, 3], [7])
    fc.assert(
      fc.property(fc.constantFrom(...zones), weekdays, steps, (zone, days, minutesOn) => {
        const counted = countedPart('09:00', '17:00', days)
        const times = { zone, dayParts: [counted], excludedDates: ['2026-10-26'], recurrence: null }
        const openingTimes = compileOpeningTimes(times, null)
        const fresh = compileOpeningTimes({ ...times, dayParts: [part('09:00', '17:00', days)] }, null)
        let now = at('2026-10-20T00:00Z')
        for (const minutes of minutesOn) {
          openingTimes.prepare(now)
          counted.reads = 0
          for (const instant of [now, now + minutes * MINUTE_MS, now + 59 * MINUTE_MS]) {
            expect(openingTimes.isOpen(instant)).toBe(fresh.isOpen(instant))
            expect(openingTimes.sameUntil(instant)).toBe(fresh.sameUntil(instant))
          }
          expect(counted.reads).toBe(0)
          now += minutes * MINUTE_MS * 3
        }
      }),
      { numRuns: 20 },
    )
  })

  test('an explanation of another instant does not displace what is prepared', () => {
    const counted = countedPart('09:00', '17:00')
    const times = { zone: 'UTC', dayParts: [counted], excludedDates: [], recurrence: null }
    const openingTimes = compileOpeningTimes(times, null)
    openingTimes.prepare(at('2026-05-01T12:00Z'))
    expect(openingTimes.isOpen(at('2031-05-01T12:00Z'))).toBe(true)
    expect(openingTimes.isOpen(at('2036-05-01T18:00Z'))).toBe(false)
    counted.reads = 0
    expect(openingTimes.isOpen(at('2026-05-01T12:00Z'))).toBe(true)
    expect(counted.reads).toBe(0)
  })

  test('a slot prepares its entries in parts, and then answers without computing', () => {
    const parts = Array.from({ length: 70 }, (_, index) => countedPart('09:00', `1${index % 10}:30`))
    const slot = new OpenNow(
      parts.map((counted) => {
        const times = { zone: 'UTC', dayParts: [counted], excludedDates: [], recurrence: null }
        const entry = { startsAt: null, endsAt: null, times }
        return new CompiledWindows(entry, compileOpeningTimes(times, null))
      }),
    )
    const now = at('2026-05-01T08:50Z')
    let calls = 1
    while (!slot.prepare(now, () => false)) calls += 1
    expect(calls).toBe(71)
    const reads = () => parts.reduce((sum, counted) => sum + counted.reads, 0)
    const before = reads()
    expect(before).toBeGreaterThan(0)
    expect(slot.refresh(now)).toBe(at('2026-05-01T09:00Z'))
    expect(slot.bits.every((word) => word === 0)).toBe(true)
    expect(slot.refresh(at('2026-05-01T09:00Z'))).toBe(at('2026-05-01T10:30Z'))
    expect(slot.bits[0]).toBe(-1)
    expect(reads()).toBe(before)
    // The clock jumps to an instant that nobody prepared. The answer is right, too.
    expect(slot.refresh(at('2027-05-01T10:45Z'))).toBe(at('2027-05-01T11:30Z'))
    expect(slot.bits[0]! & 0b11).toBe(0b10)
    expect(reads()).toBeGreaterThan(before)
  })

  test('a slot has the bits of a slot that was never prepared, in whatever order instants come', () => {
    const instant = fc.integer({ min: 0, max: 3 * 1_440 }).map((minute) => at('2026-05-01T00:00Z') + minute * MINUTE_MS)
    const query = fc.record({ instant, prepare: fc.boolean() })
    const bound = fc.option(instant)
    const entries = fc.array(fc.record({ startsAt: bound, endsAt: bound }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(entries, fc.array(query, { maxLength: 60 }), (bounds, queries) => {
        const windows = bounds.map((entry) => compileWindows({ ...entry, times: null }))
        const slot = new OpenNow(windows)
        for (const { instant, prepare } of queries) {
          if (prepare) slot.prepare(instant, () => true)
          const fresh = new OpenNow(windows)
          expect(slot.refresh(instant)).toBe(fresh.refresh(instant))
          expect(slot.bits).toEqual(fresh.bits)
        }
      }),
    )
  })
})
