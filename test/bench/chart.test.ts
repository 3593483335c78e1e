import { describe, expect, test } from '@jest/globals'
import { drawChart, linearTicks, logarithmicTicks } from './chart.ts'

describe('A chart', () => {
  test('has at most nine ticks along x, from 0 to beyond the largest value', () => {
    expect(linearTicks(6_825)).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000])
    expect(linearTicks(38_000)).toEqual([0, 5000, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000])
  })

  test('has the ticks 1, 2 and 5 of each decade along y, around all values', () => {
    expect(logarithmicTicks([0.12, 4, 31])).toEqual([0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50])
    expect(logarithmicTicks([1, 10])).toEqual([1, 2, 5, 10])
  })

  test('places every point inside, and escapes its texts', () => {
    const svg = drawChart({
      ...{ title: 'a < b & c', subtitle: '', x: { label: 'x' }, y: { label: 'y', unit: 'ms' } },
      series: [
        {
          name: 'p99',
          colour: '#000000',
          points: [
            [1, 0.3],
            [2, 40],
          ],
        },
      ],
    })
    expect(svg).toContain('a &lt; b &amp; c')
    const [width, height] = [...svg.matchAll(/(?:width|height)="(\d+)"/g)].map(([, size]) => Number(size))
    const dots = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])
    expect(dots).toHaveLength(2)
    for (const [x, y] of dots) {
      expect(x).toBeGreaterThan(0)
      expect(x).toBeLessThan(width!)
      expect(y).toBeGreaterThan(0)
      expect(y).toBeLessThan(height!)
    }
    expect(dots[0]![1]).toBeGreaterThan(dots[1]![1]!) // a longer latency lies higher
  })
})
