// The token bucket of an app key.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createRateLimit } from '../../common/lane/rate-limit.ts'

const NOW = 1_790_000_000_000

/** How many of `count` requests at one instant are taken. */
function takenAt(limit: ReturnType<typeof createRateLimit>, perSecond: number, now: number, count: number): number {
  return Array.from({ length: count }, () => limit.take('key', perSecond, now)).filter((seconds) => seconds === 0)
    .length
}

test('a key that was silent sends what it may send in one second at once, and no double burst around the end of a second', () => {
  const limit = createRateLimit()
  const endOfSecond = NOW + 999
  expect(takenAt(limit, 100, endOfSecond, 150)).toBe(100)
  expect(takenAt(limit, 100, endOfSecond + 1, 150)).toBe(0)
  expect(takenAt(limit, 100, endOfSecond + 10, 150)).toBe(1)
  expect(takenAt(limit, 100, endOfSecond + 510, 150)).toBe(50)
})

test('in no second is more taken than the bucket holds and gets back', () => {
  const pauses = fc.array(fc.nat(400), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), pauses, (perSecond, gaps) => {
      const limit = createRateLimit()
      let now = NOW
      const taken: number[] = []
      for (const gap of gaps) {
        now += gap
        if (limit.take('key', perSecond, now) === 0) taken.push(now)
      }
      for (const from of taken) {
        const within = taken.filter((at) => at >= from && at < from + 1000).length
        expect(within).toBeLessThanOrEqual(2 * perSecond)
      }
      const passed = (now - NOW) / 1000
      expect(taken.length).toBeLessThanOrEqual(perSecond * (1 + passed) + 1e-6)
    }),
  )
})

test('a refusal says after how many whole seconds there is a token, at least one', () => {
  const limit = createRateLimit()
  expect(limit.take('key', 10, NOW)).toBe(0)
  takenAt(limit, 10, NOW, 9)
  expect(limit.take('key', 10, NOW)).toBe(1)
  expect(limit.take('key', 10, NOW + 99)).toBe(1)
  expect(limit.take('key', 10, NOW + 100)).toBe(0)
})

test('a lower limit holds at once, and a clock that was set back gives nothing', () => {
  const limit = createRateLimit()
  limit.take('key', 1_000, NOW)
  expect(takenAt(limit, 5, NOW, 20)).toBe(5)
  expect(takenAt(limit, 5, NOW - 60_000, 20)).toBe(0)
  expect(takenAt(limit, 5, NOW - 59_000, 20)).toBe(5)
})

test('buckets of keys that became silent go, while keys that still send keep theirs', () => {
  const limit = createRateLimit()
  for (let key = 0; key < 1_000; key += 1) limit.take(`old ${key}`, 10, NOW)
  const later = NOW + 60_000
  expect(takenAt(limit, 10, later, 20)).toBe(10)
  for (let key = 0; key < 1_000; key += 1) limit.take(`new ${key}`, 10, later)
  expect(limit.size).toBeLessThanOrEqual(1_001)
  expect(takenAt(limit, 10, later, 20)).toBe(0)
})
