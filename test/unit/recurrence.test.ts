import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { compileRecurrence, recurrenceMistake } from '../../common/decision/recurrence.ts'
import { readRule } from '../../common/decision/rrule.ts'
import { dayOfDate } from '../../common/time.ts'
import { plainRecurrence } from '../support/plain-recurrence.ts'

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

  const weekdays = fc.constantFrom('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU')
  const list = (item: fc.Arbitrary<string | number>, maxLength = 3) =>
    fc.uniqueArray(item, { minLength: 1, maxLength }).map((items) => items.join(','))
  const orNot = <T>(part: fc.Arbitrary<T>) => fc.option(part, { nil: undefined, freq: 2 })
  const ends = fc.oneof(
    fc.constant({}),
    fc.integer({ min: 1, max: 40 }).map((COUNT) => ({ COUNT })),
    fc.constantFrom('20260601', '20270115', '20280229').map((UNTIL) => ({ UNTIL })),
  )
  const months = list(fc.integer({ min: 1, max: 12 }))
  const monthDays = list(fc.integer({ min: -31, max: 31 }).filter((day) => day !== 0))
  const numbered = (max: number) =>
    fc.tuple(fc.integer({ min: -max, max }), weekdays).map(([place, day]) => `${place || 1}${day}`)
  const frequency = <T extends object>(FREQ: string, parts: T) => fc.record({ FREQ: fc.constant(FREQ), ...parts })
  const BYMONTH = orNot(months)
  const BYDAY = orNot(list(weekdays))
  const BYMONTHDAY = orNot(monthDays)
  const WKST = orNot(weekdays)
  const ofFrequency = fc.oneof(
    frequency('DAILY', { BYMONTH, BYMONTHDAY, BYDAY }),
    frequency('WEEKLY', { BYMONTH, BYDAY, WKST }),
    frequency('MONTHLY', { BYMONTH, BYMONTHDAY, BYDAY: orNot(list(fc.oneof(weekdays, numbered(5)))) }),
    frequency('YEARLY', { BYMONTH, BYMONTHDAY, BYDAY }),
    frequency('YEARLY', { BYMONTH, BYDAY: list(numbered(9)) }),
    frequency('YEARLY', { BYMONTH, BYYEARDAY: list(fc.integer({ min: 1, max: 366 })) }),
    frequency('YEARLY', { BYMONTH, BYWEEKNO: list(fc.integer({ min: 2, max: 51 })), BYDAY, WKST }),
  )
  const rules = fc
    .tuple(ofFrequency, ends, fc.integer({ min: 1, max: 4 }), orNot(fc.constantFrom('1', '-1', '2', '1,-1')))
    .map(([parts, end, INTERVAL, places]) => {
      const hasList = Object.entries(parts).some(([name, value]) => name.startsWith('BY') && value !== undefined)
      const all = { ...parts, INTERVAL, ...end, BYSETPOS: hasList ? places : undefined }
      return Object.entries(all)
        .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
        .join(';')
    })

  test('are those that a plain reading of the RFC names', () => {
    const firsts = fc.integer({ min: dayOfDate('2024-01-01')!, max: dayOfDate('2026-12-31')! })
    fc.assert(
      fc.property(rules, firsts, (text, first) => {
        const read = readRule(text)
        if (!read.ok) throw new Error(read.mistake)
        fc.pre(recurrenceMistake(read.rule, first) === undefined)
        const last = Temporal.PlainDate.from(dateOf(first)).add({ days: 800 })
        const expected = plainRecurrence(read.text, Temporal.PlainDate.from(dateOf(first)), last).map(String)
        expect(daysOf(read.text, dateOf(first), { days: 801 })).toEqual(expected)
      }),
      { numRuns: 100 },
    )
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
    ['FREQ=DAILY;BYHOUR=9', 'dayParts say the times'],
    ['FREQ=DAILY;FREQ=DAILY', 'FREQ is there twice'],
    ['FREQ=DAILY;RSCALE=HEBREW', '"RSCALE" is not known'],
    ['FREQ=DAILY;constructor=1', '"CONSTRUCTOR" is not known'],
    ['FREQ=DAILY;COUNT=0', 'from 1 to 1,000'],
    ['FREQ=DAILY;COUNT=1001', 'from 1 to 1,000'],
    ['FREQ=DAILY;INTERVAL=1.5', 'from 1 to 1,000'],
    ['FREQ=DAILY;UNTIL=20260230', 'a date as 20261231'],
    ['FREQ=DAILY;UNTIL=20261231T000000Z', 'a date as 20261231'],
    ['FREQ=DAILY;COUNT=1;UNTIL=20261231', 'cannot be together'],
    ['FREQ=MONTHLY;BYMONTHDAY=0', 'days from 1 to 31'],
    ['FREQ=MONTHLY;BYMONTHDAY=-+1', 'days from 1 to 31'],
    ['FREQ=MONTHLY;BYMONTHDAY=1,', 'days from 1 to 31'],
    ['FREQ=WEEKLY;BYDAY=XX', 'days as MO'],
    ['FREQ=WEEKLY;BYDAY=1MO', 'needs FREQ=MONTHLY or FREQ=YEARLY'],
    ['FREQ=WEEKLY;BYMONTHDAY=1', 'BYMONTHDAY cannot be'],
    ['FREQ=MONTHLY;BYYEARDAY=1', 'needs FREQ=YEARLY'],
    ['FREQ=MONTHLY;BYWEEKNO=1', 'needs FREQ=YEARLY'],
    ['FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO', 'cannot be with BYWEEKNO'],
    ['FREQ=MONTHLY;BYSETPOS=1', 'needs another BY part'],
    ['FREQ=YEARLY;BYWEEKNO=1;BYMONTHDAY=1', 'BYWEEKNO cannot be with BYMONTHDAY'],
    ['FREQ=YEARLY;BYYEARDAY=1;BYDAY=MO', 'BYYEARDAY cannot be with'],
    ['FREQ=YEARLY;BYDAY=1MO;BYMONTHDAY=1', 'cannot be with BYMONTHDAY'],
    ['FREQ=YEARLY;BYDAY=1MO,TU', 'with numbers and without'],
  ])('%j is refused: %s', (text, part) => {
    expect(mistakeOf(text)).toContain(part)
  })

  test('a rule that names no day in ten years is refused, however it hides it', () => {
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
    expect(mistakeOf('FREQ=DAILY;BYMONTHDAY=13;BYDAY=FR;COUNT=400')).toContain('say its last day by UNTIL')
    expect(mistakeOf('FREQ=YEARLY;INTERVAL=1000;COUNT=1000')).toContain('say its last day by UNTIL')
    expect(mistakeOf('FREQ=YEARLY;COUNT=10')).toBeUndefined()
    expect(mistakeOf('FREQ=DAILY;COUNT=1000')).toBeUndefined()
  })

  test('a rule that is not known is not compiled', () => {
    expect(() => compileRecurrence('FREQ=HOURLY', 0)).toThrow('Cannot compile a recurrence')
  })
})
