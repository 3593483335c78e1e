// The tiers of a slot, and the order of the entries in a tier. The order is weighted random, and the same for one user within a
// rotation period. It does not depend on which entries match a request: entries that do not match are skipped.
//
// A small tier is ordered by the keys of its entries (`orderKey` in engine/hash.ts). That takes one key per candidate. A large
// tier first makes a fixed number of picks from its draw table, and then continues by the keys of the rest. A few picks mostly
// fill the slot, whatever the size of the tier. Both ways give the same distribution (docs/adr/0013).

import { finalise, fractionFor, keyOfFraction, type Seed, seedOf } from '../hash.ts'
import type { PublishedEntry } from '../publication/types.ts'

/** The entries of one priority: the positions `from` to `to` - 1, ascending by schedule id. */
export type CompiledTier = {
  from: number
  to: number
  /** Null in a small tier. */
  drawTable: DrawTable | null
}

/**
 * Cells that belong to entries in proportion to their weights. Each pick hits one cell at random.
 *
 * Example: weights 2, 1 and 0.5, and a table of 8 cells. They own 2 cells, 1 cell, and half of a cell. The other cells are free.
 * A pick hits them with probability 2/8, 1/8 and 1/16, and otherwise it hits nothing. So the order in which entries are first hit
 * is a weighted random order.
 *
 * A new entry gets free cells, and the cells of all others stay. So it takes its share of users from all others evenly, and does
 * not reorder them. All orders are drawn anew only when the table doubles or the mean weight changes by about half. When an
 * entry is removed, its cells go to the few entries that it had displaced.
 */
export type DrawTable = {
  /** The position of the entry that owns the cell; -1: free. The length is a power of two. */
  cells: Int32Array
  /** How much of the cell the entry owns: a 32-bit hash up to this value hits it. */
  shares: Uint32Array
  seed: Seed
}

/** An entry of a large tier. `first` is the first of its two seeds; it places its cells. */
export type DrawTableEntry = { position: number; first: number; weight: number }

/** By position: the two seeds of each entry, one after the other; and its weight. */
export type EntryWeights = { seeds: Int32Array; weights: Float64Array }

/** A larger tier gets a draw table. */
export const LARGEST_SMALL_TIER = 64

const PICKS_PER_PLACE = 32
const MAX_PICKS = 256

const WHOLE_CELL = 2 ** 32 - 1
/** 2^32 divided by the golden ratio: multiples of it are far apart. */
const GOLDEN = 0x9e3779b9
/** At most this fraction of the cells is owned, so that two entries seldom want the same cell. */
const MAX_OWNED = 0.75

/**
 * The tiers of the exclusive entries, or those of all others, by descending priority.
 *
 * @param entries by position: exclusive ones first, then by descending priority, then by schedule id.
 */
export function compileTiers(
  slotId: string,
  entries: readonly PublishedEntry[],
  exclusive: boolean,
  seeds: Int32Array,
): CompiledTier[] {
  const tiers: CompiledTier[] = []
  let from = entries.findIndex((entry) => entry.exclusive === exclusive)
  while (from >= 0 && from < entries.length && entries[from]!.exclusive === exclusive) {
    const { priority } = entries[from]!
    let to = from
    while (entries[to]?.priority === priority && entries[to]!.exclusive === exclusive) to += 1
    const drawTableEntry = (entry: PublishedEntry, index: number): DrawTableEntry => {
      const position = from + index
      return { position, first: seeds[2 * position]!, weight: entry.weight }
    }
    const isLarge = to - from > LARGEST_SMALL_TIER
    const seed = seedOf(`${slotId}/${exclusive ? 'exclusive ' : ''}tier ${priority}`)
    const drawTable = isLarge ? compileDrawTable(entries.slice(from, to).map(drawTableEntry), seed) : null
    tiers.push({ from, to, drawTable })
    from = to
  }
  return tiers
}

/** @param entries in an order that a new entry does not change. Earlier entries choose their cells first. */
export function compileDrawTable(entries: readonly DrawTableEntry[], seed: Seed): DrawTable {
  const unit = weightPerCell(entries)
  const needed = entries.reduce((sum, { weight }) => sum + Math.ceil(weight / unit), 0)
  const length = 2 ** Math.ceil(Math.log2(needed / MAX_OWNED))
  const cells = new Int32Array(length).fill(-1)
  const shares = new Uint32Array(length)
  for (const { position, first, weight } of entries) {
    let left = weight / unit
    for (let part = 0; left > 0; part += 1) {
      let cell = finalise(first + Math.imul(part, GOLDEN)) & (length - 1)
      while (cells[cell] !== -1) cell = (cell + 1) & (length - 1)
      cells[cell] = position
      shares[cell] = left >= 1 ? WHOLE_CELL : Math.max(0, Math.round(left * 2 ** 32) - 1)
      left -= 1
    }
  }
  return { cells, shares, seed }
}

/** The weight that owns one whole cell: the power of two nearest to the mean weight, so that entries own about one cell each. */
function weightPerCell(entries: readonly DrawTableEntry[]): number {
  const mean = entries.reduce((sum, { weight }) => sum + weight, 0) / entries.length
  let unit = 1
  while (unit * Math.SQRT2 < mean) unit *= 2
  while (unit > mean * Math.SQRT2) unit /= 2
  return unit
}

/** How many picks a decision makes from a draw table before it continues by keys. */
export function maxPicks(capacity: number): number {
  return Math.min(PICKS_PER_PLACE * capacity, MAX_PICKS)
}

/** The number from which `pickAt` derives all picks of one draw in one table. */
export function pickBase(draw: number, { seed }: DrawTable): number {
  return finalise(draw ^ seed.first) ^ seed.second
}

/** The position that a pick hits; -1: none. `turn` counts picks from 1 on. */
export function pickAt({ cells, shares }: DrawTable, base: number, turn: number): number {
  const hash = finalise(base + Math.imul(turn, GOLDEN))
  const cell = hash & (cells.length - 1)
  const share = shares[cell]!
  return share === WHOLE_CELL || (cells[cell] !== -1 && finalise(hash + GOLDEN) <= share) ? cells[cell]! : -1
}

/** All positions of a tier in the order of a draw. A decision follows this order and skips entries that do not match. */
export function tierOrder(
  { seeds, weights }: EntryWeights,
  { from, to, drawTable }: CompiledTier,
  capacity: number,
  draw: number,
): number[] {
  const keyAt = (position: number) => {
    const fraction = fractionFor(draw, seeds[2 * position]!, seeds[2 * position + 1]!)
    return keyOfFraction(fraction, weights[position]!)
  }
  const positions = Array.from({ length: to - from }, (_, index) => from + index)
  const byKey = positions.map((position) => ({ position, key: keyAt(position) })).sort((a, b) => a.key - b.key)
  const order = new Set<number>()
  if (drawTable) {
    const base = pickBase(draw, drawTable)
    for (let turn = 1; turn <= maxPicks(capacity); turn += 1) order.add(pickAt(drawTable, base, turn))
    order.delete(-1)
  }
  for (const { position } of byKey) order.add(position)
  return [...order]
}

/**
 * Keeps the entries with the lowest keys of all that are offered, in ascending order. It is working memory of a slot, which each
 * decision clears and reuses, so that a decision allocates nothing here.
 */
export class LowestKeys {
  size = 0
  #room = 0
  readonly #keys: Float64Array
  readonly #positions: Int32Array

  /** @param capacity the largest `room`. */
  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity)
    this.#positions = new Int32Array(capacity)
  }

  /** @param room how many entries to keep from now on. */
  clear(room: number): void {
    this.size = 0
    this.#room = room
  }

  /** Whether an entry would be kept whose key is at least this. */
  hasRoomFor(atLeast: number): boolean {
    return this.size < this.#room || atLeast < this.#keys[this.size - 1]!
  }

  /** Of equal keys, the one that is offered first comes first. */
  offer(position: number, key: number): void {
    if (!this.hasRoomFor(key)) return
    let at = this.size < this.#room ? this.size : this.size - 1
    while (at > 0 && this.#keys[at - 1]! > key) {
      this.#keys[at] = this.#keys[at - 1]!
      this.#positions[at] = this.#positions[at - 1]!
      at -= 1
    }
    this.#keys[at] = key
    this.#positions[at] = position
    if (this.size < this.#room) this.size += 1
  }

  positionAt(place: number): number {
    return this.#positions[place]!
  }
}
