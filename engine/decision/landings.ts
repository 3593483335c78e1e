// The order in a large tier, found without looking at all of it. Each entry has cells of a table in proportion to its weight,
// and a user's draw lands in the table again and again: each landing hits an entry in proportion to the weights, so that the
// order in which entries are first hit is the weighted random order that `orderKey` gives too, and so is what is left of it when
// entries that do not match are passed over. A landing costs the same in a table of any size.
//
// As with `orderKey`, an added entry takes its share of users from all others and leaves them as they were to one another: it
// gets free cells, and nobody else's cells change. Only when the table has to grow (at every doubling of the tier, about),
// or the mean weight changes by half, is everybody's order drawn anew. An entry that goes leaves its cells to the few that had to give way
// to it.

import { finalise, type Seed } from '../hash.ts'

export type Landings = {
  /** Position of the entry that has the cell; -1: none. As long as a power of two. */
  cells: Int32Array
  /** Which share of a cell is the entry's: a hash of 32 bits up to this is. */
  shares: Uint32Array
  seed: Seed
}

/** An entry of the tier; `first` is the first of its seeds, which places its cells. */
export type Landing = { position: number; first: number; weight: number }

const WHOLE = 2 ** 32 - 1
const GOLDEN = 0x9e3779b9
/** Cells that are taken, at most, so that they are seldom contended. */
const MOST_TAKEN = 0.75

/** @param entries in an order that an added entry does not change: those that come first have the choice of cells. */
export function compileLandings(entries: readonly Landing[], seed: Seed): Landings {
  const unit = unitFor(entries)
  const needed = entries.reduce((sum, { weight }) => sum + Math.ceil(weight / unit), 0)
  const length = 2 ** Math.ceil(Math.log2(needed / MOST_TAKEN))
  const cells = new Int32Array(length).fill(-1)
  const shares = new Uint32Array(length)
  for (const { position, first, weight } of entries) {
    let left = weight / unit
    for (let part = 0; left > 0; part += 1) {
      let cell = finalise(first + Math.imul(part, GOLDEN)) & (length - 1)
      while (cells[cell] !== -1) cell = (cell + 1) & (length - 1)
      cells[cell] = position
      shares[cell] = left >= 1 ? WHOLE : Math.max(0, Math.round(left * 2 ** 32) - 1)
      left -= 1
    }
  }
  return { cells, shares, seed }
}

/** What the landings of one draw in one table begin with. */
export function landingBase(draw: number, { seed }: Landings): number {
  return finalise(draw ^ seed.first) ^ seed.second
}

/** The position that the `turn`-th landing (from 1) hits; -1: none. */
export function land({ cells, shares }: Landings, base: number, turn: number): number {
  const hash = finalise(base + Math.imul(turn, GOLDEN))
  const cell = hash & (cells.length - 1)
  const share = shares[cell]!
  return share === WHOLE || (cells[cell] !== -1 && finalise(hash + GOLDEN) <= share) ? cells[cell]! : -1
}

/** The weight that has a cell to itself: the power of two next to the mean, so that a table has about a cell an entry. */
function unitFor(entries: readonly Landing[]): number {
  const mean = entries.reduce((sum, { weight }) => sum + weight, 0) / entries.length
  let unit = 1
  while (unit * Math.SQRT2 < mean) unit *= 2
  while (unit > mean * Math.SQRT2) unit /= 2
  return unit
}
