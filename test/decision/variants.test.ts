import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseByWeight, variantHash, variantPrefix } from '../../engine/decision/variants.ts'
import { murmur3, utf8 } from '../../engine/hash.ts'

const none = () => false
const choices = (...weights: number[]) => weights.map((weight, id) => ({ id, weight }))

test('the hash is that of group and key together, with the seed of variants', () => {
  for (const [group, key] of [
    ['sch_1', 'u1'],
    ['', ''],
    ['größe', '用户'],
  ] as const) {
    expect(variantHash(variantPrefix(group), utf8(key))).toBe(murmur3(`${group}:${key}`, 86_028_157))
  }
})

test('each has as many of the hashes as its weight says, one of weight 0 none', () => {
  const things = choices(1, 0, 3, 2)
  const chosen = Array.from({ length: 12 }, (_, hash) => chooseByWeight(things, hash, none)?.id)
  expect(chosen).toEqual([0, 2, 2, 2, 3, 3, 0, 2, 2, 2, 3, 3])
})

test('the largest hash and the largest weights are no exception', () => {
  // 4,294,967,295 modulo 2,000,000 is 967,295.
  expect(chooseByWeight(choices(967_295, 1_032_705), 2 ** 32 - 1, none)?.id).toBe(1)
  expect(chooseByWeight(choices(967_296, 1_032_704), 2 ** 32 - 1, none)?.id).toBe(0)
  expect(chooseByWeight(choices(2 ** 31, 2 ** 31), 2 ** 32 - 1, none)?.id).toBe(1)
})

test('nothing is chosen when nothing is left', () => {
  expect(chooseByWeight([], 7, none)).toBeUndefined()
  expect(chooseByWeight(choices(0, 0), 7, none)).toBeUndefined()
  expect(chooseByWeight(choices(1, 2), 7, () => true)).toBeUndefined()
})

test('what is out is as if it were not there', () => {
  const weights = fc.array(fc.nat(5), { maxLength: 6 })
  fc.assert(
    fc.property(weights, fc.nat(2 ** 32 - 1), fc.nat(63), (of, hash, out) => {
      const isOut = ({ id }: { id: number }) => (out & (1 << id)) !== 0
      const things = choices(...of)
      const left = things.filter((thing) => !isOut(thing))
      expect(chooseByWeight(things, hash, isOut)).toEqual(chooseByWeight(left, hash, none))
    }),
    { numRuns: 3000 },
  )
})

test('people are spread as the weights say', () => {
  const things = choices(1, 49, 50)
  const counts = [0, 0, 0]
  const prefix = variantPrefix('sch_spread')
  for (let user = 0; user < 100_000; user += 1) {
    counts[chooseByWeight(things, variantHash(prefix, utf8(`user-${user}`)), none)!.id]! += 1
  }
  // Four standard deviations.
  expect(Math.abs(counts[0]! - 1000)).toBeLessThan(130)
  expect(Math.abs(counts[1]! - 49_000)).toBeLessThan(640)
})
