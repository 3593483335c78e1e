import { describe, expect, test } from '@jest/globals'
import { fitLine, mean, median, percentile, ratios } from './statistics.ts'

describe('The statistics of the benches', () => {
  test('a median is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([9, 1, 5, 7])).toBe(6)
    expect(() => median([])).toThrow('at least one value')
  })

  test('a percentile is the value at the nearest rank', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, at) => at + 1)
    expect([0.5, 0.99, 0.999, 1].map((fraction) => percentile(hundred, fraction))).toEqual([50, 99, 100, 100])
    expect(percentile([7], 0.5)).toBe(7)
  })

  test('a ratio compares the values of one round, and not the medians of all rounds', () => {
    // The machine was half as fast in the second round. The ratio is the same in both.
    expect(ratios([100, 50], [200, 100])).toEqual([0.5, 0.5])
    expect(() => ratios([1, 2], [1])).toThrow('as many rounds')
  })

  test('a line is fitted through points with the least squares', () => {
    const line = fitLine([
      [0, 1],
      [1, 3],
      [2, 5],
      [3, 7],
    ])
    expect(line.slope).toBeCloseTo(2)
    expect(line.at0).toBeCloseTo(1)
    const level = fitLine([
      [0, 4],
      [1, 6],
      [2, 4],
    ])
    expect(level.slope).toBeCloseTo(0)
    expect(mean([4, 6, 4])).toBeCloseTo(level.at0)
  })
})
