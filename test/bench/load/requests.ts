// The requests of a run, in a ring: each connection takes the next ones of its own, without copying.

export type RequestRing = {
  /** The text of so many requests, from position `at` on. */
  take(at: number, count: number): Buffer
}

/** @param texts whole HTTP requests. @param most how many `take` may be asked for at once. */
export function requestRing(texts: readonly string[], most: number): RequestRing {
  if (texts.length === 0) throw new RangeError('expected at least one request')
  const rounds = 1 + Math.ceil(most / texts.length)
  const buffers = Array.from({ length: rounds }, () => texts.map((text) => Buffer.from(text, 'latin1'))).flat()
  const all = Buffer.concat(buffers)
  const offsets = [0]
  for (const { length } of buffers) offsets.push(offsets.at(-1)! + length)
  return {
    take(at, count) {
      const first = at % texts.length
      return all.subarray(offsets[first]!, offsets[first + count]!)
    },
  }
}
