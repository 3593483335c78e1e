import { expect, test } from '@jest/globals'
import { newId } from '../../common/base/ids.ts'

const now = Date.parse('2030-01-01T00:00:00Z')

test('an id is a prefix and a UUID of version 7 that holds the time', () => {
  const id = newId('schedule', now)
  expect(id).toMatch(/^sch_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(Number.parseInt(id.slice(4, 17).replace('-', ''), 16)).toBe(now)
})

test('ids sort by the order in which they were made, within a millisecond and when the clock is set back a little', () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => newId('change', now + 1 - (index % 2)))
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})
