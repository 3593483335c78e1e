// The requests of a run. Each connection takes its own ones in turn.

export type RequestSource = {
  /** The text of the next requests, so many of them. The bytes may change at the next call. */
  next(count: number): Buffer
}

/** Whole HTTP requests in a ring, without copying. @param first where to begin. @param most how many `next` may be asked for. */
export function ringOf(texts: readonly string[], most: number): (first: number) => RequestSource {
  if (texts.length === 0) throw new RangeError('expected at least one request')
  const rounds = 1 + Math.ceil(most / texts.length)
  const buffers = Array.from({ length: rounds }, () => texts.map((text) => Buffer.from(text, 'latin1'))).flat()
  const all = Buffer.concat(buffers)
  const offsets = [0]
  for (const { length } of buffers) offsets.push(offsets.at(-1)! + length)
  return (first) => {
    let at = first % texts.length
    return {
      next(count) {
        const bytes = all.subarray(offsets[at]!, offsets[at + count]!)
        at = (at + count) % texts.length
        return bytes
      },
    }
  }
}

/** Stands for a number that is another one each time: `#` in each of its digits. */
export const NUMBER = '#'.repeat(12)

/**
 * One request in which every NUMBER is replaced by a running number. Example: events, each of which needs an id of its own. A
 * connection may ask for the next one only after the answer to the one before.
 *
 * @param counter shared by all connections of a run.
 */
export function numbered(text: string, counter: { next: number }): RequestSource {
  const bytes = Buffer.from(text, 'latin1')
  const places: number[] = []
  for (let at = text.indexOf(NUMBER); at >= 0; at = text.indexOf(NUMBER, at + NUMBER.length)) places.push(at)
  return {
    next(count) {
      if (count !== 1) throw new RangeError('expected one request at a time')
      for (const place of places) {
        let left = counter.next
        counter.next += 1
        for (let at = place + NUMBER.length - 1; at >= place; at -= 1) {
          bytes[at] = 48 + (left % 10)
          left = Math.floor(left / 10)
        }
      }
      return bytes
    },
  }
}
