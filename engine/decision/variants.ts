// Which of its own creatives a schedule shows: by weight, and the same one for one user for as long as the weights stay as
// they are. Unlike the order of schedules it does not change from one rotation period to the next, so that what is
// compared (two headlines) is compared on the same people. The formula is Unleash's, in whose clients the same
// group, key and weights give the same variant.

import { murmur3Joined, utf8 } from '../hash.ts'

/** Unleash's seed for variants: another one than for rollouts (0), so that who is let in says nothing of what they see. */
const VARIANT_SEED = 86_028_157

/** What `variantHash` begins with: `<group>:` as UTF-8, computed once at load. */
export function variantPrefix(group: string): Uint8Array {
  return utf8(`${group}:`)
}

/** `murmur3("<group>:<key>")` with the seed of variants; the key is UTF-8, as `CompiledContext.stickyKey` gives it. */
export function variantHash(prefix: Uint8Array, key: Uint8Array): number {
  return murmur3Joined(prefix, key, VARIANT_SEED)
}

/**
 * The first in the list at which the weights, added up, exceed the hash modulo their sum. What `isOut` is passed over, as if
 * it were not in the list; undefined when nothing is left.
 *
 * @param things with weights that are whole numbers; one of weight 0 is never chosen.
 * @param hash 32 bits, unsigned: of the user, or drawn by chance.
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
