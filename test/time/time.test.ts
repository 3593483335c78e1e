import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { type PeriodUnit, periodAt, startOfDay } from '../../engine/time/periods.ts'
import { clockOf } from '../../engine/time/wall-clock.ts'

const day = (at: string, zone: string) => new Date(startOfDay(Date.parse(at), zone)).toISOString()

test.each([
  ['UTC', '2026-05-01T00:00:00Z', '2026-05-01T00:00:00.000Z'],
  ['UTC', '2026-05-01T23:59:59.999Z', '2026-05-01T00:00:00.000Z'],
  ['UTC', '1969-12-31T23:00:00Z', '1969-12-31T00:00:00.000Z'],
  ['Asia/Kolkata', '2026-05-01T18:29:59Z', '2026-04-30T18:30:00.000Z'],
  ['Asia/Kolkata', '2026-05-01T18:30:00Z', '2026-05-01T18:30:00.000Z'],
  ['Asia/Kathmandu', '2026-05-01T18:15:00Z', '2026-05-01T18:15:00.000Z'],
  ['Pacific/Kiritimati', '2026-05-01T09:59:00Z', '2026-04-30T10:00:00.000Z'],
  ['Pacific/Kiritimati', '2026-05-01T10:00:00Z', '2026-05-01T10:00:00.000Z'],
  ['Pacific/Pago_Pago', '2026-05-01T10:59:00Z', '2026-04-30T11:00:00.000Z'],
])('in %s, %s lies in the day that begins at %s', (zone, at, start) => {
  expect(day(at, zone)).toBe(start)
})

test('the day on which clocks go forward has 23 hours, and the one on which they go back has 25', () => {
  expect(day('2026-03-29T21:59:59Z', 'Europe/Berlin')).toBe('2026-03-28T23:00:00.000Z')
  expect(day('2026-03-29T22:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T22:00:00.000Z')
  expect(day('2026-10-25T22:59:59Z', 'Europe/Berlin')).toBe('2026-10-24T22:00:00.000Z')
  expect(day('2026-10-25T23:00:00Z', 'Europe/Berlin')).toBe('2026-10-25T23:00:00.000Z')
})

test('a day without midnight begins when its clocks begin', () => {
  expect(day('2018-11-04T02:59:59Z', 'America/Sao_Paulo')).toBe('2018-11-03T03:00:00.000Z')
  expect(day('2018-11-04T03:00:00Z', 'America/Sao_Paulo')).toBe('2018-11-04T03:00:00.000Z')
  expect(day('2018-11-05T02:00:00Z', 'America/Sao_Paulo')).toBe('2018-11-05T02:00:00.000Z')
})

test('where clocks go back over midnight, the hour that comes twice is in one day', () => {
  expect(day('2018-02-18T02:59:59Z', 'America/Sao_Paulo')).toBe('2018-02-17T02:00:00.000Z')
  expect(day('2018-02-18T03:00:00Z', 'America/Sao_Paulo')).toBe('2018-02-18T03:00:00.000Z')
  // St. John's went from 00:01 back to 23:01 of the day before: the new day had begun, and goes on.
  expect(day('2010-11-07T02:30:30Z', 'America/St_Johns')).toBe('2010-11-07T02:30:00.000Z')
  expect(day('2010-11-07T03:00:00Z', 'America/St_Johns')).toBe('2010-11-07T02:30:00.000Z')
})

test('a date that a zone skipped has no day', () => {
  expect(day('2011-12-30T09:59:59Z', 'Pacific/Apia')).toBe('2011-12-29T10:00:00.000Z')
  expect(day('2011-12-30T10:00:00Z', 'Pacific/Apia')).toBe('2011-12-30T10:00:00.000Z')
  expect(day('2011-12-31T09:59:59Z', 'Pacific/Apia')).toBe('2011-12-30T10:00:00.000Z')
})

test('a zone that does not exist is refused', () => {
  expect(() => startOfDay(0, 'Mars/Olympus')).toThrow(RangeError)
})

test('days follow each other without gap: a start is its own day, and what is before it is in an earlier one', () => {
  const zones = ['UTC', 'Asia/Shanghai', 'America/Sao_Paulo', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia']
  const when = fc.integer({ min: Date.parse('1980-01-01'), max: Date.parse('2035-01-01') })
  fc.assert(
    fc.property(fc.constantFrom(...zones), when, (zone, at) => {
      const start = startOfDay(at, zone)
      expect(start).toBeLessThanOrEqual(at)
      expect(at - start).toBeLessThan(DAY_MS + 2 * HOUR_MS)
      expect(startOfDay(start, zone)).toBe(start)
      expect(startOfDay(start - 1, zone)).toBeLessThan(start)
    }),
    { numRuns: 2_000 },
  )
})

const shown = (zone: string, at: string, unit: PeriodUnit, every = 1) => {
  const { begins, ends } = periodAt(clockOf(zone), Date.parse(at), unit, every)
  return [begins, ends].map((instant) => new Date(instant).toISOString().slice(0, 16))
}

test.each<[zone: string, at: string, every: number, unit: PeriodUnit, begins: string, ends: string]>([
  ['UTC', '2026-05-01T13:14:15Z', 2, 'HOUR', '2026-05-01T12:00', '2026-05-01T14:00'],
  ['Asia/Kolkata', '2026-05-01T13:14:15Z', 1, 'HOUR', '2026-05-01T12:30', '2026-05-01T13:30'],
  ['Asia/Kathmandu', '2026-05-01T13:14:15Z', 1, 'HOUR', '2026-05-01T12:15', '2026-05-01T13:15'],
  ['Asia/Kathmandu', '2026-05-01T13:14:15Z', 30, 'MINUTE', '2026-05-01T12:45', '2026-05-01T13:15'],
  ['Asia/Kolkata', '2026-05-01T13:14:15Z', 1, 'DAY', '2026-04-30T18:30', '2026-05-01T18:30'],
  // 30 April 2026 is a Thursday, as was 1 January 1970.
  ['Europe/Berlin', '2026-05-01T13:14:15Z', 7, 'DAY', '2026-04-29T22:00', '2026-05-06T22:00'],
  ['Europe/Berlin', '2026-03-27T12:00Z', 7, 'DAY', '2026-03-25T23:00', '2026-04-01T22:00'],
  // Berlin's clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
  ['Europe/Berlin', '2026-03-29T01:30Z', 2, 'HOUR', '2026-03-29T01:00', '2026-03-29T02:00'],
  ['Europe/Berlin', '2026-10-25T00:30Z', 1, 'HOUR', '2026-10-25T00:00', '2026-10-25T01:00'],
  ['Europe/Berlin', '2026-10-25T01:30Z', 1, 'HOUR', '2026-10-25T01:00', '2026-10-25T02:00'],
  // On Lord Howe Island from 02:00 to 02:30 on 4 October 2026, and from 02:00 back to 01:30 on 5 April.
  ['Australia/Lord_Howe', '2026-10-03T15:40Z', 1, 'HOUR', '2026-10-03T15:30', '2026-10-03T16:00'],
  ['Australia/Lord_Howe', '2026-04-04T15:10Z', 1, 'HOUR', '2026-04-04T15:00', '2026-04-04T15:30'],
  // 30 December 2011 was left out there: of the two days only the 31st came.
  ['Pacific/Apia', '2011-12-30T12:00Z', 2, 'DAY', '2011-12-30T10:00', '2011-12-31T10:00'],
])('in %s, %s lies in the period of %d %s from %s to %s', (zone, at, every, unit, begins, ends) => {
  expect(shown(zone, at, unit, every)).toEqual([begins, ends])
})

test('periods follow each other, minutes within hours within days, and hours are never longer than they say', () => {
  const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu']
  const more = ['America/Sao_Paulo', 'Antarctica/Troll', 'Africa/Casablanca', 'Africa/Monrovia', 'Asia/Beirut']
  const when = fc.integer({ min: Date.parse('1970-01-01'), max: Date.parse('2040-01-01') })
  const far = fc.integer({ min: Date.parse('1900-01-01'), max: Date.parse('9999-01-01') })
  const every = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 366 }))
  fc.assert(
    fc.property(fc.constantFrom(...zones, ...more), fc.oneof(when, far), every, (zone, at, many) => {
      const clock = clockOf(zone)
      for (const unit of ['MINUTE', 'HOUR', 'DAY'] as const) {
        const period = periodAt(clock, at, unit, many)
        expect(period.begins <= at && at < period.ends).toBe(true)
        expect(periodAt(clock, period.begins, unit, many)).toEqual(period)
        expect(periodAt(clock, period.ends - 1, unit, many)).toEqual(period)
        expect(periodAt(clock, period.ends, unit, many).begins).toBe(period.ends)
        const longest = { MINUTE: many * MINUTE_MS, HOUR: many * HOUR_MS, DAY: many * DAY_MS + 4 * HOUR_MS }
        expect(period.ends - period.begins).toBeLessThanOrEqual(longest[unit])
      }
      const [minute, hour, day] = (['MINUTE', 'HOUR', 'DAY'] as const).map((unit) => periodAt(clock, at, unit))
      expect(day!.begins <= hour!.begins && hour!.begins <= minute!.begins).toBe(true)
      expect(minute!.ends <= hour!.ends && hour!.ends <= day!.ends).toBe(true)
    }),
    { numRuns: 3_000 },
  )
})

test('periods before 1970 are rounded down, too', () => {
  expect(floorTo(-1, HOUR_MS)).toBe(-HOUR_MS)
  expect(floorTo(HOUR_MS, HOUR_MS)).toBe(HOUR_MS)
})
