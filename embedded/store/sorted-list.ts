// A sorted list of index entries, in chunks: an insertion moves the entries of one chunk, not of the whole list.
// Positions count from the start of the list.

const chunkSize = 512

export class SortedList<T> {
  private readonly order: (a: T, b: T) => number
  private chunks: T[][] = []
  length = 0

  constructor(order: (a: T, b: T) => number) {
    this.order = order
  }

  /** Replaces all items. This is cheaper than adding them one by one. */
  load(items: T[]): void {
    items.sort(this.order)
    this.chunks = []
    for (let at = 0; at < items.length; at += chunkSize) this.chunks.push(items.slice(at, at + chunkSize))
    this.length = items.length
  }

  /** Does nothing if the list has an equal item. */
  add(item: T): void {
    if (this.chunks.length === 0) {
      this.chunks.push([item])
      this.length = 1
      return
    }
    const number = Math.min(
      this.chunkOf((other) => this.order(other, item) < 0),
      this.chunks.length - 1,
    )
    const chunk = this.chunks[number]!
    const at = partition(chunk, (other) => this.order(other, item) < 0)
    if (at < chunk.length && this.order(chunk[at]!, item) === 0) return
    chunk.splice(at, 0, item)
    this.length++
    if (chunk.length > chunkSize * 2) this.chunks.splice(number + 1, 0, chunk.splice(chunkSize))
  }

  remove(item: T): void {
    const number = this.chunkOf((other) => this.order(other, item) < 0)
    const chunk = this.chunks[number]
    if (chunk === undefined) return
    const at = partition(chunk, (other) => this.order(other, item) < 0)
    if (at === chunk.length || this.order(chunk[at]!, item) !== 0) return
    chunk.splice(at, 1)
    this.length--
    if (chunk.length === 0) this.chunks.splice(number, 1)
  }

  /** How many items satisfy `before`. These must be the first items of the list. */
  position(before: (item: T) => boolean): number {
    const number = this.chunkOf(before)
    let position = 0
    for (let at = 0; at < number; at++) position += this.chunks[at]!.length
    const chunk = this.chunks[number]
    return chunk === undefined ? position : position + partition(chunk, before)
  }

  /** The items from position `from` up to, but without, `to`. */
  *range(from: number, to: number): Generator<T> {
    let start = 0
    for (const chunk of this.chunks) {
      if (start >= to) return
      const end = Math.min(chunk.length, to - start)
      for (let at = Math.max(0, from - start); at < end; at++) yield chunk[at]!
      start += chunk.length
    }
  }

  /** The number of the first chunk whose last item does not satisfy `before`. */
  private chunkOf(before: (item: T) => boolean): number {
    return partition(this.chunks, (chunk) => before(chunk[chunk.length - 1]!))
  }
}

/** How many of the items satisfy `before`, by binary search. */
function partition<T>(items: readonly T[], before: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(items[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
