import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DAY_MS, floorTo, HOUR_MS, startOfDay } from '../../common/time.ts'

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

test('periods before 1970 are rounded down, too', () => {
  expect(floorTo(-1, HOUR_MS)).toBe(-HOUR_MS)
  expect(floorTo(HOUR_MS, HOUR_MS)).toBe(HOUR_MS)
})
