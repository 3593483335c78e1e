import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { dayOfDate } from '../../engine/time/days.ts'
import { compileRecurrence, recurrenceMistake } from '../../engine/time/recurrence.ts'
import { readRule } from '../../engine/time/rrule.ts'
import { plainRecurrence } from '../support/plain-recurrence.ts'

/** FC_RUNS tries more rules than these. */
const RUNS = Number(process.env.FC_RUNS ?? 1_500)
/** As far as a rule is looked at when it is written: ten years. */
const HORIZON_DAYS = 3_660

const dateOf = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10)

/** The days that a rule names in a year and some from `first` on, or from `from` on. */
function daysOf(rule: string, first: string, { from = first, days = 400 } = {}): string[] {
  const recurrence = compileRecurrence(rule, dayOfDate(first)!)
  const begin = dayOfDate(from)!
  return Array.from({ length: days }, (_, at) => begin + at)
    .filter((day) => recurrence.has(day))
    .map(dateOf)
}

function mistakeOf(text: string, first = '2026-05-01'): string | undefined {
  const read = readRule(text)
  return read.ok ? recurrenceMistake(read.rule, dayOfDate(first)!) : read.mistake
}

describe('The days of a recurrence', () => {
  test.each([
    ['FREQ=DAILY;COUNT=3', '2026-05-01', ['2026-05-01', '2026-05-02', '2026-05-03']],
    ['FREQ=DAILY;INTERVAL=10;UNTIL=20260521', '2026-05-01', ['2026-05-01', '2026-05-11', '2026-05-21']],
    [
      'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=4',
      '2026-05-01',
      ['2026-05-01', '2026-05-11', '2026-05-15', '2026-05-25'],
    ],
    ['FREQ=MONTHLY;BYDAY=-1FR;COUNT=3', '2026-05-01', ['2026-05-29', '2026-06-26', '2026-07-31']],
    ['FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3', '2026-01-31', ['2026-01-31', '2026-03-31', '2026-05-31']],
    ['FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2', '2026-05-01', ['2026-05-29', '2026-06-30']],
    ['FREQ=YEARLY;BYMONTH=11;BYDAY=4TH', '2026-05-01', ['2026-11-26']],
    ['FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO', '2026-01-01', ['2026-05-11']],
    ['FREQ=YEARLY', '2026-05-01', ['2026-05-01', '2027-05-01']],
    ['FREQ=YEARLY;BYWEEKNO=5', '2026-05-01', ['2027-02-05']],
    ['FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR', '2026-05-01', ['2026-11-13']],
    ['FREQ=YEARLY;BYYEARDAY=1,-1;BYDAY=FR', '2026-05-01', ['2027-01-01']],
    [
      'FREQ=YEARLY;BYDAY=1MO,SU;BYMONTH=2',
      '2026-01-01',
      ['2026-02-01', '2026-02-02', '2026-02-08', '2026-02-15', '2026-02-22', '2027-02-01'],
    ],
  ])('%s from %s on names %j', (rule, first, days) => {
    expect(daysOf(rule, first)).toEqual(days)
  })

  test('the first day is none of its days when the rule does not name it', () => {
    expect(daysOf('FREQ=WEEKLY;BYDAY=TU;COUNT=2', '2026-05-01')).toEqual(['2026-05-05', '2026-05-12'])
  })

  test('UNTIL names its own day, and nothing is named before the first day', () => {
    expect(daysOf('FREQ=DAILY;UNTIL=20260502', '2026-05-01', { from: '2026-04-01' })).toEqual([
      '2026-05-01',
      '2026-05-02',
    ])
  })

  test('a sparse rule is found wherever one looks, in any order', () => {
    const recurrence = compileRecurrence('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29', dayOfDate('2020-01-01')!)
    for (const date of ['2096-02-29', '2020-02-29', '2024-02-29', '2400-02-29']) {
      expect([date, recurrence.has(dayOfDate(date)!)]).toEqual([date, true])
      expect([date, recurrence.has(dayOfDate(date)! + 1)]).toEqual([date, false])
    }
    expect(recurrence.has(dayOfDate('2016-02-29')!)).toBe(false)
  })

  test.each([
    ['FREQ=YEARLY;BYDAY=53MO', '2018-01-01', ['2018-12-31', '2024-12-30', '2029-12-31']],
    ['FREQ=YEARLY;BYDAY=-53MO', '2018-01-01', ['2018-01-01', '2024-01-01', '2029-01-01']],
    ['FREQ=YEARLY;INTERVAL=2;BYDAY=53MO;COUNT=2', '2018-01-01', ['2018-12-31', '2024-12-30']],
    [
      'FREQ=YEARLY;BYDAY=53SU,53MO;BYSETPOS=1',
      '2017-01-01',
      ['2017-12-31', '2018-12-31', '2023-12-31', '2024-12-30', '2028-12-31', '2029-12-31'],
    ],
    ['FREQ=YEARLY;BYWEEKNO=53;BYDAY=FR', '2021-01-01', ['2021-01-01', '2027-01-01']],
    ['FREQ=YEARLY;BYWEEKNO=53;BYDAY=FR;COUNT=2', '2021-01-01', ['2021-01-01', '2027-01-01']],
    [
      'FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO',
      '2018-12-01',
      [
        '2018-12-31',
        '2019-12-30',
        '2021-01-04',
        '2022-01-03',
        '2023-01-02',
        '2024-01-01',
        '2024-12-30',
        '2025-12-29',
        '2027-01-04',
        '2028-01-03',
        '2029-01-01',
        '2029-12-31',
        '2030-12-30',
      ],
    ],
    ['FREQ=YEARLY;BYWEEKNO=-53;BYDAY=SA', '2020-01-01', ['2020-01-04', '2026-01-03']],
    ['FREQ=YEARLY;BYYEARDAY=366', '2023-01-01', ['2024-12-31', '2028-12-31']],
    ['FREQ=YEARLY;BYYEARDAY=-366', '2023-01-01', ['2024-01-01', '2028-01-01']],
    ['FREQ=YEARLY', '2024-02-29', ['2024-02-29', '2028-02-29']],
    ['FREQ=MONTHLY;BYMONTHDAY=-31;COUNT=3', '2026-02-01', ['2026-03-01', '2026-05-01', '2026-07-01']],
    ['FREQ=MONTHLY;COUNT=3', '2026-01-31', ['2026-01-31', '2026-03-31', '2026-05-31']],
  ])('at the ends of years and months: %s from %s on names %j', (rule, first, days) => {
    expect(daysOf(rule, first, { days: 366 * 13 }).slice(0, days.length)).toEqual(days)
  })

  const weekdays = fc.constantFrom('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')
  const list = (item: fc.Arbitrary<string | number>, maxLength = 3) =>
    fc.uniqueArray(item, { minLength: 1, maxLength }).map((items) => items.join(','))
  const orNot = <T>(part: fc.Arbitrary<T>, freq = 1) => fc.option(part, { nil: undefined, freq })
  /** From 1 to `max` or from -1 to `-max`, and mostly near their ends, where years differ. */
  const signed = (max: number) => {
    const size = fc.oneof(
      fc.integer({ min: 1, max }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: Math.max(1, max - 3), max }),
    )
    return fc.tuple(size, fc.boolean()).map(([places, fromEnd]) => (fromEnd ? -places : places))
  }
  const numbered = (max: number) => fc.tuple(signed(max), weekdays).map(([place, day]) => `${place}${day}`)
  const weekdayList = fc.oneof(list(weekdays, 5), list(numbered(53)), list(fc.oneof(weekdays, numbered(5))))
  const parts = fc.record({
    FREQ: fc.constantFrom('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY', 'YEARLY', 'YEARLY'),
    INTERVAL: orNot(fc.integer({ min: 1, max: 4 })),
    BYMONTH: orNot(list(fc.integer({ min: 1, max: 12 }))),
    BYWEEKNO: orNot(list(signed(53))),
    BYYEARDAY: orNot(list(signed(366))),
    BYMONTHDAY: orNot(list(signed(31))),
    BYDAY: orNot(weekdayList),
    BYSETPOS: orNot(list(signed(4), 2), 2),
    WKST: orNot(weekdays),
  })
  const ends = fc.oneof(
    fc.constant({}),
    fc.integer({ min: 1, max: 40 }).map((COUNT) => ({ COUNT })),
    fc.integer({ min: 0, max: 4_000 }).map((UNTIL) => ({ UNTIL })),
  )
  const firsts = fc.oneof(
    fc.integer({ min: dayOfDate('1899-12-01')!, max: dayOfDate('2101-02-01')! }),
    fc.integer({ min: dayOfDate('2019-12-20')!, max: dayOfDate('2021-01-10')! }),
    fc.constantFrom('2000-02-29', '2020-02-29', '2024-02-29', '2096-02-29').map((date) => dayOfDate(date)!),
  )
  const cases = fc.tuple(parts, ends, firsts).map(([parts, end, first]) => {
    const UNTIL = 'UNTIL' in end ? { UNTIL: dateOf(first + end.UNTIL).replaceAll('-', '') } : {}
    const text = Object.entries({ ...parts, ...end, ...UNTIL })
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
      .join(';')
    return { text, first }
  })

  test('are those that a plain reading of the RFC names, whatever the parser takes', () => {
    let compared = 0
    fc.assert(
      fc.property(cases, ({ text, first }) => {
        const read = readRule(text)
        if (!read.ok) return
        const days = read.rule.frequency === 'YEARLY' ? HORIZON_DAYS : 800
        const begin = Temporal.PlainDate.from(dateOf(first))
        const expected = plainRecurrence(read.text, begin, begin.add({ days: HORIZON_DAYS }))
        const counted = read.rule.count === null ? 1 : read.rule.count
        expect([text, recurrenceMistake(read.rule, first) === undefined]).toEqual([text, expected.length >= counted])
        if (expected.length < counted) return
        compared += 1
        const end = begin.add({ days }).toString()
        expect(daysOf(read.text, dateOf(first), { days: days + 1 })).toEqual(expected.filter((day) => day <= end))
      }),
      { numRuns: RUNS },
    )
    expect(compared).toBeGreaterThan(RUNS / 10)
  })
})

describe('The text of a recurrence', () => {
  test.each([
    ['rrule:freq=weekly;wkst=su;byday=mo,FR,mo', 'FREQ=WEEKLY;BYDAY=MO,FR;WKST=SU'],
    [' BYMONTHDAY=15,+1,-1;FREQ=MONTHLY; ', 'FREQ=MONTHLY;BYMONTHDAY=-1,1,15'],
    ['FREQ=YEARLY;BYDAY=+02MO,-1FR;BYMONTH=05', 'FREQ=YEARLY;BYMONTH=5;BYDAY=2MO,-1FR'],
  ])('%j is written %j', (given, text) => {
    expect(readRule(given)).toMatchObject({ ok: true, text })
  })

  test.each([
    ['', 'NAME=VALUE'],
    ['every day', 'NAME=VALUE'],
    ['INTERVAL=2', 'FREQ is missing'],
    ['FREQ=HOURLY', 'expected one of DAILY, WEEKLY, MONTHLY and YEARLY'],
    ['FREQ=DAILY;BYHOUR=9', 'Set times of day in dayParts'],
    ['FREQ=DAILY;FREQ=DAILY', 'FREQ is repeated'],
    ['FREQ=DAILY;RSCALE=HEBREW', '"RSCALE" is unknown'],
    ['FREQ=DAILY;constructor=1', '"CONSTRUCTOR" is unknown'],
    ['FREQ=DAILY;COUNT=0', 'from 1 to 1,000'],
    ['FREQ=DAILY;COUNT=1001', 'from 1 to 1,000'],
    ['FREQ=DAILY;INTERVAL=1.5', 'from 1 to 1,000'],
    ['FREQ=DAILY;UNTIL=20260230', 'a date such as 20261231'],
    ['FREQ=DAILY;UNTIL=20261231T000000Z', 'a date such as 20261231'],
    ['FREQ=DAILY;COUNT=1;UNTIL=20261231', 'cannot be together'],
    ['FREQ=MONTHLY;BYMONTHDAY=0', 'days from 1 to 31'],
    ['FREQ=MONTHLY;BYMONTHDAY=-+1', 'days from 1 to 31'],
    ['FREQ=MONTHLY;BYMONTHDAY=1,', 'days from 1 to 31'],
    ['FREQ=WEEKLY;BYDAY=XX', 'days such as MO'],
    ['FREQ=WEEKLY;BYDAY=1MO', 'needs FREQ=MONTHLY or FREQ=YEARLY'],
    ['FREQ=WEEKLY;BYMONTHDAY=1', 'BYMONTHDAY cannot be'],
    ['FREQ=MONTHLY;BYYEARDAY=1', 'needs FREQ=YEARLY'],
    ['FREQ=MONTHLY;BYWEEKNO=1', 'needs FREQ=YEARLY'],
    ['FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO', 'cannot be with BYWEEKNO'],
    ['FREQ=MONTHLY;BYSETPOS=1', 'needs another BY part'],
    ['FREQ=YEARLY;BYWEEKNO=1;BYMONTHDAY=1', 'BYWEEKNO cannot be with BYMONTHDAY'],
    ['FREQ=YEARLY;BYYEARDAY=1;BYMONTHDAY=1', 'BYYEARDAY cannot be with'],
    ['FREQ=YEARLY;BYYEARDAY=1;BYWEEKNO=1', 'BYYEARDAY cannot be with'],
    ['FREQ=YEARLY;INTERVAL=2;BYWEEKNO=10,53', 'such a week can lie in two years'],
    ['FREQ=YEARLY;BYWEEKNO=-1;BYDAY=MO,TU;BYSETPOS=1', 'such a week can lie in two years'],
  ])('%j is refused: %s', (text, part) => {
    expect(mistakeOf(text)).toContain(part)
  })

  test('a rule that names no day in ten years is refused, whatever its parts are', () => {
    for (const rule of [
      'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30',
      'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30',
      'FREQ=YEARLY;BYWEEKNO=20;BYMONTH=1',
      'FREQ=DAILY;UNTIL=20260430',
      'FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;UNTIL=20261231',
    ]) {
      expect([rule, mistakeOf(rule)]).toEqual([rule, expect.stringContaining('must name a day in the ten years')])
    }
    expect(mistakeOf('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29')).toBeUndefined()
  })

  test('a COUNT that takes more than ten years is refused', () => {
    expect(mistakeOf('FREQ=DAILY;BYMONTHDAY=13;BYDAY=FR;COUNT=400')).toContain('Use UNTIL instead of COUNT')
    expect(mistakeOf('FREQ=YEARLY;INTERVAL=1000;COUNT=1000')).toContain('Use UNTIL instead of COUNT')
    expect(mistakeOf('FREQ=YEARLY;COUNT=10')).toBeUndefined()
    expect(mistakeOf('FREQ=DAILY;COUNT=1000')).toBeUndefined()
  })

  test('a rule that is not known is not compiled', () => {
    expect(() => compileRecurrence('FREQ=HOURLY', 0)).toThrow('Cannot compile a recurrence')
  })
})
