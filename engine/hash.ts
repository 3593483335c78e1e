// The hashes behind everything that is random to the eye and yet the same for one user on every node.

/** Two independent 32-bit seeds, so that two things never share both. */
export type Seed = { first: number; second: number }

const encoder = new TextEncoder()
const scratch = new Uint8Array(2048)
const view = new DataView(scratch.buffer)

/**
 * MurmurHash3_x86_32 of the text's UTF-8 bytes, unsigned. Unpaired surrogates count as U+FFFD.
 * After Austin Appleby's reference, smhasher `MurmurHash3.cpp` (public domain).
 */
export function murmur3(text: string, seed = 0): number {
  // One UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= scratch.length) return murmur3Bytes(view, encoder.encodeInto(text, scratch).written, seed)
  const bytes = encoder.encode(text)
  return murmur3Bytes(new DataView(bytes.buffer, bytes.byteOffset), bytes.length, seed)
}

/** `murmur3` of two texts, one behind the other, as UTF-8. */
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

/** The finaliser of MurmurHash3: a bijection of 32 bits in which each bit of input flips half of the output. */
export function finalise(hash: number): number {
  let h = hash | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** The seed of a named thing, computed once at load. */
export function seedOf(name: string): Seed {
  return { first: murmur3(name, 0x9e3779b9), second: murmur3(name, 0x7f4a7c15) }
}

/** One draw per request and slot: the user's hash in one rotation period. */
export function drawOf(keyHash: number, period: number): number {
  // Multiplying by the golden ratio sets consecutive periods far apart.
  return finalise(keyHash + Math.imul(period, 0x9e3779b9))
}

/** What the draw gives to one seed: uniform in the open interval (0, 1), independent from seed to seed. */
export function fractionOf(draw: number, { first, second }: Seed): number {
  return fractionFor(draw, first, second)
}

/** `fractionOf` a seed whose two parts come one by one. */
export function fractionFor(draw: number, first: number, second: number): number {
  return (finalise(finalise(draw ^ first) ^ second) + 0.5) / 2 ** 32
}

/**
 * The sort key of a thing of this weight (above 0): ascending keys are a weighted random order, in which the first
 * is drawn in proportion to the weights, the second likewise among the rest, and so on.
 * Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006), as -ln(u) / weight.
 */
export function orderKey(draw: number, seed: Seed, weight: number): number {
  return keyOfFraction(fractionOf(draw, seed), weight)
}

/** The sort key of what the draw gives this fraction. Always above `(1 - fraction) / weight`, which takes no logarithm. */
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
