// Which entries of a slot one request leaves in play, as far as windows and index say: the sets that it picks from the
// index, intersected word by word, and only where somebody looks. One object serves all decisions, one after another.

import type { CompiledContext } from '../targeting/context.ts'
import type { Held } from '../targeting/held.ts'
import { type RangeLookup, rankOf, type SlotIndex, type TermLookup } from './slot-index.ts'

const EMPTY = new Int32Array()

export class Survivors {
  #table: Int32Array = EMPTY
  #width = 0
  #open: Int32Array = EMPTY
  #axes = 0
  /** The columns that the request picks: for each axis how many and which, then those that exclude. */
  #picked = new Int32Array(256)
  #length = 0

  /**
   * Begins with a request.
   *
   * @param open the entries that are open now, a bit each.
   */
  begin({ table, width, axes, exclusions }: SlotIndex, open: Int32Array, context: CompiledContext): void {
    this.#table = table
    this.#width = width
    this.#open = open
    this.#axes = axes.length
    this.#length = 0
    for (const { dimension, free, lookup } of axes) {
      const countAt = this.#length
      this.#push(0)
      this.#push(free)
      const held = context.values.get(dimension)
      if (held) {
        if ('columns' in lookup) this.#pickTerms(lookup, held)
        else this.#pickRanks(lookup, held)
      }
      this.#picked[countAt] = this.#length - countAt - 1
    }
    for (const exclusion of exclusions) {
      const held = context.values.get(exclusion.dimension)
      if (held) this.#pickTerms(exclusion, held)
    }
  }

  /** Those in a word of 32 positions, of which only the bits in the mask are asked for. */
  inWord(word: number, mask: number): number {
    const table = this.#table
    const picked = this.#picked
    const row = word * this.#width
    let survivors = this.#open[word]! & mask
    let at = 0
    for (let axis = 0; axis < this.#axes && survivors !== 0; axis += 1) {
      const end = at + picked[at]!
      let satisfied = 0
      while (at < end) {
        at += 1
        satisfied |= table[row + picked[at]!]!
      }
      at += 1
      survivors &= satisfied
    }
    if (survivors === 0) return 0
    for (; at < this.#length; at += 1) survivors &= ~table[row + picked[at]!]!
    return survivors
  }

  has(position: number): boolean {
    return this.inWord(position >> 5, 1 << (position & 31)) !== 0
  }

  /** Lets go of the slot, which may be replaced. */
  end(): void {
    this.#table = EMPTY
    this.#open = EMPTY
  }

  #pickTerms({ space, columns }: TermLookup, held: Held): void {
    for (const term of space === 'terms' ? held.terms : held.folded) {
      const column = columns.get(term)
      if (column !== undefined) this.#push(column)
    }
  }

  #pickRanks({ scale, breakpoints, firstColumn }: RangeLookup, held: Held): void {
    for (const value of scale.valuesIn(held)) this.#push(firstColumn + rankOf(scale, breakpoints, value))
  }

  #push(value: number): void {
    if (this.#length === this.#picked.length) {
      const longer = new Int32Array(2 * this.#length)
      longer.set(this.#picked)
      this.#picked = longer
    }
    this.#picked[this.#length] = value
    this.#length += 1
  }
}
