// A binary min-heap of entries by their keys: the weighted order of a tier is wanted only as far as there are
// places to fill. It is emptied, never thrown away, so that a decision allocates nothing here.

import type { CompiledEntry } from './compile.ts'

export type WeightedOrder = {
  readonly size: number
  add(entry: CompiledEntry, key: number): void
  /** Removes and returns the entry with the lowest key (of equal ones, the one added first). */
  take(): CompiledEntry | undefined
  clear(): void
}

type Item = { entry: CompiledEntry | undefined; key: number; turn: number }

export function createWeightedOrder(): WeightedOrder {
  const items: Item[] = []
  let size = 0

  const isBefore = (a: Item, b: Item) => a.key < b.key || (a.key === b.key && a.turn < b.turn)

  function swap(a: number, b: number): void {
    const item = items[a]!
    items[a] = items[b]!
    items[b] = item
  }

  return {
    get size() {
      return size
    },
    add(entry, key) {
      let at = size
      items[at] ??= { entry: undefined, key: 0, turn: 0 }
      const item = items[at]!
      item.entry = entry
      item.key = key
      item.turn = size
      size += 1
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!isBefore(items[at]!, items[parent]!)) return
        swap(at, parent)
        at = parent
      }
    },
    take() {
      if (size === 0) return undefined
      size -= 1
      swap(0, size)
      for (let at = 0; ; ) {
        let least = at
        for (let child = 2 * at + 1; child <= 2 * at + 2 && child < size; child += 1) {
          if (isBefore(items[child]!, items[least]!)) least = child
        }
        if (least === at) break
        swap(at, least)
        at = least
      }
      const taken = items[size]!
      const { entry } = taken
      taken.entry = undefined
      return entry
    },
    clear() {
      // Entries of an old publication must not be kept alive from here.
      for (let at = 0; at < size; at += 1) items[at]!.entry = undefined
      size = 0
    },
  }
}
