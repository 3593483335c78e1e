// The index of a slot, made once at load: for every term that its constraints ask for, and for every stretch between two
// values that their ranges begin or end with, the set of entries that it satisfies, as one bit for each entry. A request
// picks the sets of what it holds and intersects them, 32 entries at a time (survivors.ts).
//
// Entries are known by their position. The sets are the columns of one table whose rows are words of 32 bits, so that what
// one word takes lies together. The table is bounded: comparisons for which it has no room are asked entry by entry.

import type { Range, Scale } from '../targeting/scales.ts'
import type { InlinedConstraint } from '../targeting/types.ts'
import { type Clause, type Part, partsOf } from './clauses.ts'

/** One thing that entries ask of a dimension. An entry asks at most once on it; it is open to those that do not ask. */
export type Axis = {
  dimension: string
  /** The column of the entries that do not ask. */
  free: number
  lookup: TermLookup | RangeLookup
}

/** term -> column of the entries that ask for it. */
export type TermLookup = { space: 'terms' | 'folded'; columns: ReadonlyMap<string, number> }

/** A value is at rank 2i + 1 when it is the i-th of the ascending breakpoints, at 2i when it lies before that. */
export type RangeLookup = { scale: Scale; breakpoints: readonly unknown[]; firstColumn: number }

export type SlotIndex = {
  /** Word `w` of column `c` is `table[w * width + c]`. */
  table: Int32Array
  width: number
  axes: readonly Axis[]
  /** Where each column is of the entries that its term keeps out. */
  exclusions: readonly (TermLookup & { dimension: string })[]
}

/** A request asks each axis: those that few entries ask on are not worth it. */
const MOST_AXES = 24
const MOST_BYTES = 1 << 20

type Ask = { position: number; part: Part; clause: Clause }
type Draft = { negated: boolean; asks: Ask[]; terms: Map<string, number>; breakpoints: unknown[]; width: number }

/**
 * @param constraints of the entries, by position; null asks for nothing.
 * @returns the index, and what has to be asked of each entry besides; null: nothing.
 * @throws Error as compileConstraint does.
 */
export function compileIndex(constraints: readonly (InlinedConstraint | null)[]): {
  index: SlotIndex
  rest: (InlinedConstraint | null)[]
} {
  const others: InlinedConstraint[][] = constraints.map(() => [])
  const drafts = draftsOf(constraints, others)
  const words = (constraints.length + 31) >> 5
  const chosen: Draft[] = []
  let width = 0
  for (const draft of drafts) {
    if (chosen.length < MOST_AXES && (width + draft.width) * words * 4 <= MOST_BYTES) {
      chosen.push(draft)
      width += draft.width
    } else {
      for (const { position, part } of draft.asks) others[position]!.push(part.source)
    }
  }
  const index = { table: new Int32Array(words * width), width, axes: [] as Axis[], exclusions: [] as Exclusion[] }
  let firstColumn = 0
  for (const draft of chosen) {
    write(index, draft, firstColumn, constraints.length)
    firstColumn += draft.width
  }
  return { index, rest: others.map((parts) => (parts.length > 1 ? { all: parts } : (parts[0] ?? null))) }
}

type Exclusion = SlotIndex['exclusions'][number]

/** The axes that the constraints ask for, the busiest first; what cannot be on one goes to the others. */
function draftsOf(constraints: readonly (InlinedConstraint | null)[], others: InlinedConstraint[][]): Draft[] {
  const drafts = new Map<string, Draft>()
  for (const [position, constraint] of constraints.entries()) {
    if (!constraint) continue
    for (const part of partsOf(constraint)) {
      const { clause } = part
      if (!clause) others[position]!.push(part.source)
      else draftFor(drafts, clause, position).asks.push({ position, part, clause })
    }
  }
  for (const draft of drafts.values()) measure(draft)
  return [...drafts.values()].sort((a, b) => b.asks.length - a.asks.length)
}

/** Asks that exclude share an axis. Of the others an entry may have several, each on an axis of its own. */
function draftFor(drafts: Map<string, Draft>, clause: Clause, position: number): Draft {
  const negated = 'terms' in clause && clause.negated
  const kind = 'terms' in clause ? `${negated ? 'not ' : ''}${clause.space}` : clause.scale.noun
  for (let turn = 0; ; turn += 1) {
    const name = `${clause.dimension} ${kind} ${turn}`
    let draft = drafts.get(name)
    if (!draft) {
      draft = { negated, asks: [], terms: new Map(), breakpoints: [], width: 0 }
      drafts.set(name, draft)
    }
    if (negated || draft.asks.at(-1)?.position !== position) return draft
  }
}

/** Finds the columns that a draft needs: one a term or rank, and one for those that do not ask. */
function measure(draft: Draft): void {
  const { asks, terms, negated } = draft
  const bounds: unknown[] = []
  for (const { clause } of asks) {
    if ('terms' in clause) {
      for (const term of clause.terms) if (!terms.has(term)) terms.set(term, terms.size + (negated ? 0 : 1))
    } else {
      const { from, to } = clause.range
      if (from) bounds.push(from.value)
      if (to) bounds.push(to.value)
    }
  }
  const [{ clause }] = asks as [Ask]
  if ('terms' in clause) {
    draft.width = terms.size + (negated ? 0 : 1)
  } else {
    const { compare } = clause.scale
    draft.breakpoints = bounds.sort(compare).filter((value, at) => at === 0 || compare(bounds[at - 1], value) !== 0)
    draft.width = 2 * draft.breakpoints.length + 2
  }
}

function write(
  index: { table: Int32Array; width: number; axes: Axis[]; exclusions: Exclusion[] },
  { negated, asks, terms, breakpoints }: Draft,
  firstColumn: number,
  entries: number,
): void {
  const { table, width } = index
  const set = (position: number, column: number) => {
    table[(position >> 5) * width + column]! |= 1 << (position & 31)
  }
  const unset = (position: number, column: number) => {
    table[(position >> 5) * width + column]! &= ~(1 << (position & 31))
  }
  if (!negated) {
    for (let position = 0; position < entries; position += 1) set(position, firstColumn)
    for (const { position } of asks) unset(position, firstColumn)
  }
  const columns = new Map([...terms].map(([term, column]) => [term, firstColumn + column]))
  for (const { position, clause } of asks) {
    if ('terms' in clause) {
      for (const term of clause.terms) set(position, columns.get(term)!)
    } else {
      const { lowest, highest } = ranksOf(clause.scale, breakpoints, clause.range)
      for (let rank = lowest; rank <= highest; rank += 1) set(position, firstColumn + 1 + rank)
    }
  }
  const [{ clause }] = asks as [Ask]
  const { dimension } = clause
  if (!('terms' in clause)) {
    const lookup = { scale: clause.scale, breakpoints, firstColumn: firstColumn + 1 }
    index.axes.push({ dimension, free: firstColumn, lookup })
  } else if (negated) {
    index.exclusions.push({ dimension, space: clause.space, columns })
  } else {
    index.axes.push({ dimension, free: firstColumn, lookup: { space: clause.space, columns } })
  }
}

/** The ranks that lie in a range, of which both ends are among the breakpoints. */
function ranksOf(scale: Scale, breakpoints: readonly unknown[], { from, to }: Range) {
  const lowest = from ? rankOf(scale, breakpoints, from.value) + (from.included ? 0 : 1) : 0
  const highest = to ? rankOf(scale, breakpoints, to.value) - (to.included ? 0 : 1) : 2 * breakpoints.length
  return { lowest, highest }
}

/** 0 to twice the number of breakpoints. */
export function rankOf({ compare }: Scale, breakpoints: readonly unknown[], value: unknown): number {
  let low = 0
  let high = breakpoints.length
  while (low < high) {
    const middle = (low + high) >> 1
    const order = compare(value, breakpoints[middle])
    if (order === 0) return 2 * middle + 1
    if (order < 0) high = middle
    else low = middle + 1
  }
  return 2 * low
}
