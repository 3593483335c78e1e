// The hashes behind every choice that looks random but is the same for one user on every node: rollouts, variants, and the weighted
// order of schedules.

/** Two independent 32-bit hashes of a name. Two names practically never share both. */
export type Seed = { first: number; second: number }

const encoder = new TextEncoder()
const scratch = new Uint8Array(2048)
const view = new DataView(scratch.buffer)

/**
 * MurmurHash3_x86_32 of the UTF-8 bytes of a text, unsigned. Unpaired surrogates count as U+FFFD. Example: `murmur3("summer:user-7")`
 * is 514,882,481. After Austin Appleby's reference, smhasher `MurmurHash3.cpp` (public domain).
 */
export function murmur3(text: string, seed = 0): number {
  // One UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= scratch.length) return murmur3Bytes(view, encoder.encodeInto(text, scratch).written, seed)
  const bytes = encoder.encode(text)
  return murmur3Bytes(new DataView(bytes.buffer, bytes.byteOffset), bytes.length, seed)
}

/** `murmur3` of two texts in UTF-8, one after the other. It saves joining them. */
export function murmur3Joined(first: Uint8Array, second: Uint8Array, seed = 0): number {
  const length = first.length + second.length
  const bytes = length <= scratch.length ? scratch : new Uint8Array(length)
  bytes.set(first)
  bytes.set(second, first.length)
  return murmur3Bytes(bytes === scratch ? view : new DataView(bytes.buffer), length, seed)
}

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The finaliser of MurmurHash3. It maps 32 bits one-to-one, and each input bit flips about half of the output bits. */
export function finalise(hash: number): number {
  let h = hash | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** The seed of a name. Computed once at load. */
export function seedOf(name: string): Seed {
  return { first: murmur3(name, 0x9e3779b9), second: murmur3(name, 0x7f4a7c15) }
}

/** The draw of a user in one rotation period: the random number from which the orders of a slot follow. */
export function drawOf(keyHash: number, period: number): number {
  // 2^32 divided by the golden ratio: multiples of it are far apart, so consecutive periods have unrelated draws.
  return finalise(keyHash + Math.imul(period, 0x9e3779b9))
}

/** A random number for one draw and one seed: uniform in the open interval (0, 1), and independent between seeds. */
export function fractionOf(draw: number, { first, second }: Seed): number {
  return fractionFor(draw, first, second)
}

/** The same as `fractionOf`, for a seed in two arguments. */
export function fractionFor(draw: number, first: number, second: number): number {
  return (finalise(finalise(draw ^ first) ^ second) + 0.5) / 2 ** 32
}

/**
 * The sort key of a thing with this weight (above 0). Sorting by ascending keys gives a weighted random order: the first one is
 * chosen in proportion to the weights, then the second one among the rest, and so on. The key is -ln(fraction) / weight.
 *
 * Example: A has weight 3 and the fraction 0.5, so its key is 0.693 / 3 = 0.231. B has weight 1 and the fraction 0.8, so its key is
 * 0.223 / 1 = 0.223. B comes first. Over all users, A comes first for 75 %.
 *
 * Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
 */
export function orderKey(draw: number, seed: Seed, weight: number): number {
  return keyOfFraction(fractionOf(draw, seed), weight)
}

/** The sort key for this fraction. It is never below `(1 - fraction) / weight`, a bound that needs no logarithm. */
export function keyOfFraction(fraction: number, weight: number): number {
  return -Math.log(fraction) / weight
}

function murmur3Bytes(bytes: DataView, length: number, seed: number): number {
  const blocksEnd = length & ~3
  let h = seed | 0
  for (let at = 0; at < blocksEnd; at += 4) {
    h ^= scramble(bytes.getInt32(at, true))
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let at = length - 1; at >= blocksEnd; at -= 1) tail = (tail << 8) | bytes.getUint8(at)
  if (length > blocksEnd) h ^= scramble(tail)
  return finalise(h ^ length)
}

function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}
