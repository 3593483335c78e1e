// Which of its creatives a schedule shows: by weight, and always the same one for a user while the weights stay. It does not change
// with the rotation period, so that a comparison of two headlines compares the same two groups of people. The formula is that of
// Unleash: the same group, key and weights give the same variant there.
//
// Example: creatives A, B and C have the weights 50, 30 and 20, and the hash is 1,234,567,865. Modulo 100 it is 65, so B is shown: A
// has 0 to 49, B has 50 to 79, C has 80 to 99.

import { murmur3Joined, utf8 } from '../hash.ts'

/** The seed of Unleash for variants. Rollouts have the seed 0, so the two choices are independent. */
const VARIANT_SEED = 86_028_157

/** The first argument of `variantHash`: `<group>:` as UTF-8. Computed once at load. */
export function variantPrefix(group: string): Uint8Array {
  return utf8(`${group}:`)
}

/** `murmur3("<group>:<key>")` with the seed of variants. The key is UTF-8, from `CompiledContext.stickyKey`. */
export function variantHash(prefix: Uint8Array, key: Uint8Array): number {
  return murmur3Joined(prefix, key, VARIANT_SEED)
}

/**
 * Chooses one thing by its weight. Those that `isOut` are skipped, as if they were not in the list. Undefined: none is left.
 *
 * @param things with whole-number weights. One of weight 0 is never chosen.
 * @param hash unsigned 32 bits: the hash of the user, or random.
 */
export function chooseByWeight<T extends { weight: number }>(
  things: readonly T[],
  hash: number,
  isOut: (thing: T) => boolean,
): T | undefined {
  let total = 0
  for (const thing of things) if (!isOut(thing)) total += thing.weight
  if (total === 0) return undefined
  let left = hash % total
  for (const thing of things) {
    if (isOut(thing)) continue
    if (left < thing.weight) return thing
    left -= thing.weight
  }
  return undefined
}
