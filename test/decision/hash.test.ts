import { describe, expect, test } from '@jest/globals'
import { drawOf, fractionOf, murmur3, orderKey, seedOf } from '../../engine/hash.ts'

const USERS = Array.from({ length: 10_000 }, (_, index) => murmur3(String(index + 1)))

// Upper 0.001 quantiles of the chi-square distribution, by degrees of freedom.
const CHI_SQUARE_0_001: Record<number, number> = { 1: 10.828, 9: 27.877, 33: 63.87 }

function chiSquare(observed: readonly number[], shares: readonly number[]): number {
  const total = observed.reduce((sum, count) => sum + count, 0)
  const whole = shares.reduce((sum, share) => sum + share, 0)
  return observed.reduce((sum, count, index) => {
    const expected = (total * shares[index]!) / whole
    return sum + (count - expected) ** 2 / expected
  }, 0)
}

/** Indices of the entries in the order of one draw. */
function orderOf(draw: number, names: readonly string[], weights: readonly number[]): number[] {
  const keys = names.map((name, index) => orderKey(draw, seedOf(name), weights[index]!))
  return keys.map((_, index) => index).sort((a, b) => keys[a]! - keys[b]!)
}

describe('murmur3', () => {
  test.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['hello', 0, 0x248bfa47],
    ['hello, world', 0, 0x149bbb7f],
    ['abc', 0, 0xb3dd93fa],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['ab', 0x9747b28c, 0x74875592],
    ['abc', 0x9747b28c, 0xc84a62dd],
    ['abcd', 0x9747b28c, 0xf0478627],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ['a'.repeat(256), 0x9747b28c, 0x37405bdc],
    ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', 0, 0xee925b90],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('of %j with seed %d is as published', (text, seed, hash) => {
    expect(murmur3(text, seed)).toBe(hash)
  })

  test('of a long text does not depend on the scratch space for short ones', () => {
    const [short, long] = ['é'.repeat(341), 'é'.repeat(342)]
    // The two differ in their last character only; a hash of what fits would make them equal.
    expect(murmur3(short)).not.toBe(murmur3(long))
    expect(murmur3('x'.repeat(5000))).toBe(murmur3('x'.repeat(5000)))
    expect(murmur3('x'.repeat(5000))).not.toBe(murmur3('x'.repeat(5001)))
  })
})

describe('the weighted order of users 1 to 10,000', () => {
  const shop = Array.from({ length: 34 }, (_, item) => item)

  test.each(['slo_1', 'slo_2', 'slo_3', 'home.banner', 'feed'])(
    'gives 34 equal weights equal shares of every place in %s',
    (slot) => {
      const names = shop.map((item) => `${slot}/sch_${item}`)
      const seeds = names.map(seedOf)
      for (const period of [0, 1, 485_000]) {
        const counts = [0, 1, 2].map(() => shop.map(() => 0))
        for (const user of USERS) {
          const draw = drawOf(user, period)
          const keys = seeds.map((seed) => orderKey(draw, seed, 1))
          const order = shop.toSorted((a, b) => keys[a]! - keys[b]!)
          counts.forEach((count, place) => {
            count[order[place]!]! += 1
          })
        }
        for (const count of counts)
          expect(
            chiSquare(
              count,
              shop.map(() => 1),
            ),
          ).toBeLessThan(CHI_SQUARE_0_001[33]!)
      }
    },
  )

  test('gives weights 1 and 3 a quarter and three quarters', () => {
    for (const slot of ['slo_1', 'slo_2', 'slo_3']) {
      const counts = [0, 0]
      for (const user of USERS) counts[orderOf(drawOf(user, 7), [`${slot}/a`, `${slot}/b`], [1, 3])[0]!]! += 1
      expect(chiSquare(counts, [1, 3])).toBeLessThan(CHI_SQUARE_0_001[1]!)
    }
  })

  test('draws the second place in proportion to the weights that are left', () => {
    const counts = [0, 0]
    for (const user of USERS) {
      const [first, second] = orderOf(drawOf(user, 7), ['s/a', 's/b', 's/c'], [2, 1, 4])
      if (first === 2) counts[second!]! += 1
    }
    expect(counts[0]! + counts[1]!).toBeGreaterThan(5000)
    expect(chiSquare(counts, [2, 1])).toBeLessThan(CHI_SQUARE_0_001[1]!)
  })

  test('tells of one entry nothing about another', () => {
    const fractions = shop.map((item) => USERS.map((user) => fractionOf(drawOf(user, 3), seedOf(`slo_1/sch_${item}`))))
    for (const [a, left] of fractions.entries()) {
      for (const right of fractions.slice(a + 1)) expect(Math.abs(correlation(left, right))).toBeLessThan(0.045)
    }
  })

  test('tells of one rotation period nothing about the next', () => {
    const seed = seedOf('slo_1/sch_1')
    const periods = [0, 1, 2, 3].map((period) => USERS.map((user) => fractionOf(drawOf(user, period), seed)))
    for (const [a, left] of periods.entries()) {
      for (const right of periods.slice(a + 1)) expect(Math.abs(correlation(left, right))).toBeLessThan(0.045)
    }
  })

  test('spreads one user evenly over 10,000 periods', () => {
    const tenths = Array(10).fill(0) as number[]
    for (let period = 485_000; period < 495_000; period += 1) {
      tenths[Math.floor(fractionOf(drawOf(USERS[0]!, period), seedOf('slo_1/sch_1')) * 10)]! += 1
    }
    expect(chiSquare(tenths, Array(10).fill(1) as number[])).toBeLessThan(CHI_SQUARE_0_001[9]!)
  })
})

/** Pearson's coefficient. */
function correlation(left: readonly number[], right: readonly number[]): number {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
  const [leftMean, rightMean] = [mean(left), mean(right)]
  let [both, leftSquares, rightSquares] = [0, 0, 0]
  for (const [index, one] of left.entries()) {
    const [a, b] = [one - leftMean, right[index]! - rightMean]
    both += a * b
    leftSquares += a * a
    rightSquares += b * b
  }
  return both / Math.sqrt(leftSquares * rightSquares)
}
