// The bitset index of a slot: it finds the entries that are open now and whose indexed clauses match a request, without
// evaluating constraints one by one. These entries are called candidates. It is built once, when the slot is compiled.
//
// An entry is known by its position, a number from 0 on. A column is a set of entries, one bit per entry. Example:
//
//     entry 0: tags IN [vip]                        column   entries (bit 2, 1, 0)
//     entry 1: tags IN [vip, new]                   no tags  100
//     entry 2: no constraint on tags                vip      011
//                                                   new      010
//
// "No tags" has the entries with no constraint on tags. A request with the tag `new` takes the union of "no tags" and
// "new": 110. Entry 1 and entry 2 match. The index does this for each axis (here: tags) and intersects the results.
//
// A range splits the values of its type at breakpoints. With the breakpoints 8 and 9, version 7 has rank 0, 8 has rank 1, 8.5
// has rank 2, 9 has rank 3, and 10 has rank 4. Each rank has a column.
//
// The table has one row per 32 entries (one 32-bit word per column), so one intersection handles 32 entries and reads memory
// that lies together. The table has a maximum size. Clauses that do not fit are evaluated entry by entry.

import type { Steps } from '../steps.ts'
import type { CompiledContext } from '../targeting/context.ts'
import type { ContextValues } from '../targeting/context-values.ts'
import { type Clause, type ConstraintPart, partsOf } from '../targeting/index-clauses.ts'
import type { OrderedType, Range } from '../targeting/ordered-types.ts'
import type { InlinedConstraint } from '../targeting/types.ts'

/** Clauses on one dimension, at most one per entry. */
type Axis = {
  dimension: string
  /** The column of the entries without a clause on this axis. They match every request. */
  unconstrained: number
  lookup: TermLookup | RangeLookup
}

/** term -> the column of the entries that ask for it. */
type TermLookup = { space: 'terms' | 'folded'; columns: ReadonlyMap<string, number> }

/** Rank 2i + 1: equal to breakpoint i. Rank 2i: below breakpoint i, and above breakpoint i - 1. */
type RangeLookup = { orderedType: OrderedType; breakpoints: readonly unknown[]; firstColumn: number }

/** Negated term clauses: the column of a term has the entries that it excludes. */
type Exclusion = TermLookup & { dimension: string }

/** Word `w` of column `c` is `table[w * width + c]`. */
type IndexTable = { table: Int32Array; width: number; axes: Axis[]; exclusions: Exclusion[] }

/** Every request looks at every axis. With more axes than this, those with the fewest clauses are not worth it. */
const MAX_AXES = 24
const MAX_BYTES = 1 << 20
const NONE_OPEN = new Int32Array()

/**
 * The columns of the current request. For each axis: how many, then which. After that: the columns to exclude. Module state on
 * purpose: all decisions overwrite the same memory, so it stays in the cache of the processor.
 * It is safe because a decision is synchronous.
 */
let columns = new Int32Array(256)
let columnCount = 0

/**
 * @param constraints of the entries, by position; null: no constraint.
 * @returns the index, and by position what remains to be evaluated for each candidate; null: nothing.
 * @throws Error as compileConstraint does.
 */
export function* compileIndex(
  constraints: readonly (InlinedConstraint | null)[],
): Steps<{ index: CandidateIndex; rest: (InlinedConstraint | null)[] }> {
  const unindexed: InlinedConstraint[][] = constraints.map(() => [])
  const drafts = yield* draftAxes(constraints, unindexed)
  const words = (constraints.length + 31) >> 5
  const chosen: AxisDraft[] = []
  let width = 0
  for (const draft of drafts) {
    if (chosen.length < MAX_AXES && (width + draft.width) * words * 4 <= MAX_BYTES) {
      chosen.push(draft)
      width += draft.width
    } else {
      for (const { position, part } of draft.clauses) unindexed[position]!.push(part.source)
    }
  }
  const index: IndexTable = { table: new Int32Array(words * width), width, axes: [], exclusions: [] }
  let firstColumn = 0
  for (const draft of chosen) {
    yield* writeAxis(index, draft, firstColumn, constraints.length)
    firstColumn += draft.width
  }
  const rest = unindexed.map((parts) => (parts.length > 1 ? { all: parts } : (parts[0] ?? null)))
  return { index: new CandidateIndex(index), rest }
}

/**
 * Answers which entries are candidates. Call `select` with a request first. Its answers are right until the next `select` of any slot.
 */
export class CandidateIndex {
  readonly byteLength: number
  readonly #table: Int32Array
  readonly #width: number
  readonly axes: readonly Axis[]
  readonly #exclusions: readonly Exclusion[]
  #open: Int32Array = NONE_OPEN

  constructor({ table, width, axes, exclusions }: IndexTable) {
    this.byteLength = table.byteLength
    this.#table = table
    this.#width = width
    this.axes = axes
    this.#exclusions = exclusions
  }

  /** @param open which entries are open now, one bit per entry. */
  select(context: CompiledContext, open: Int32Array): void {
    this.#open = open
    columnCount = 0
    for (const { dimension, unconstrained, lookup } of this.axes) {
      const countAt = columnCount
      push(0)
      push(unconstrained)
      const values = context.values.get(dimension)
      if (values) {
        if ('columns' in lookup) this.#pushTerms(lookup, values)
        else this.#pushRanks(lookup, values)
      }
      columns[countAt] = columnCount - countAt - 1
    }
    for (const exclusion of this.#exclusions) {
      const values = context.values.get(exclusion.dimension)
      if (values) this.#pushTerms(exclusion, values)
    }
  }

  /** The candidates among the positions 32 * word to 32 * word + 31, one bit each. Only bits of the mask are computed. */
  candidatesIn(word: number, mask: number): number {
    const table = this.#table
    const axes = this.axes.length
    const row = word * this.#width
    let candidates = this.#open[word]! & mask
    let at = 0
    for (let axis = 0; axis < axes && candidates !== 0; axis += 1) {
      const end = at + columns[at]!
      let matching = 0
      while (at < end) {
        at += 1
        matching |= table[row + columns[at]!]!
      }
      at += 1
      candidates &= matching
    }
    if (candidates === 0) return 0
    for (; at < columnCount; at += 1) candidates &= ~table[row + columns[at]!]!
    return candidates
  }

  isCandidate(position: number): boolean {
    return this.candidatesIn(position >> 5, 1 << (position & 31)) !== 0
  }

  #pushTerms({ space, columns }: TermLookup, values: ContextValues): void {
    for (const term of space === 'terms' ? values.terms : values.folded) {
      const column = columns.get(term)
      if (column !== undefined) push(column)
    }
  }

  #pushRanks({ orderedType, breakpoints, firstColumn }: RangeLookup, values: ContextValues): void {
    for (const value of orderedType.valuesIn(values)) push(firstColumn + rankOf(orderedType, breakpoints, value))
  }
}

function push(column: number): void {
  if (columnCount === columns.length) {
    const longer = new Int32Array(2 * columnCount)
    longer.set(columns)
    columns = longer
  }
  columns[columnCount] = column
  columnCount += 1
}

/** One clause of the entry at a position. */
type PlacedClause = { position: number; part: ConstraintPart; clause: Clause }

/** An axis, or a group of exclusions, before it has its columns. `terms`: term -> its column, from the first column on. */
type AxisDraft = {
  negated: boolean
  clauses: PlacedClause[]
  terms: Map<string, number>
  breakpoints: unknown[]
  width: number
}

/** The axes for all clauses, those with the most clauses first. Parts without a clause go to `unindexed`. */
function* draftAxes(
  constraints: readonly (InlinedConstraint | null)[],
  unindexed: InlinedConstraint[][],
): Steps<AxisDraft[]> {
  const drafts = new Map<string, AxisDraft>()
  for (const [position, constraint] of constraints.entries()) {
    if (!constraint) continue
    yield
    for (const part of partsOf(constraint)) {
      const { clause } = part
      if (!clause) unindexed[position]!.push(part.source)
      else draftFor(drafts, clause, position).clauses.push({ position, part, clause })
    }
  }
  for (const draft of drafts.values()) yield* assignColumns(draft)
  return [...drafts.values()].sort((a, b) => b.clauses.length - a.clauses.length)
}

/**
 * All negated clauses on a dimension share one draft. Of the others, an axis takes one clause per entry: the second clause
 * of an entry on the same dimension goes to a second axis.
 */
function draftFor(drafts: Map<string, AxisDraft>, clause: Clause, position: number): AxisDraft {
  const negated = 'terms' in clause && clause.negated
  const kind = 'terms' in clause ? `${negated ? 'not ' : ''}${clause.space}` : clause.orderedType.noun
  for (let turn = 0; ; turn += 1) {
    const name = `${clause.dimension} ${kind} ${turn}`
    let draft = drafts.get(name)
    if (!draft) {
      draft = { negated, clauses: [], terms: new Map(), breakpoints: [], width: 0 }
      drafts.set(name, draft)
    }
    if (negated || draft.clauses.at(-1)?.position !== position) return draft
  }
}

/** One column per term or rank, and one for the unconstrained entries. Exclusions need no such column. */
function* assignColumns(draft: AxisDraft): Steps<void> {
  const { clauses, terms, negated } = draft
  const bounds: unknown[] = []
  for (const { clause } of clauses) {
    yield
    if ('terms' in clause) {
      for (const term of clause.terms) if (!terms.has(term)) terms.set(term, terms.size + (negated ? 0 : 1))
    } else {
      const { from, to } = clause.range
      if (from) bounds.push(from.value)
      if (to) bounds.push(to.value)
    }
  }
  const [{ clause }] = clauses as [PlacedClause]
  if ('terms' in clause) {
    draft.width = terms.size + (negated ? 0 : 1)
  } else {
    const { compare } = clause.orderedType
    draft.breakpoints = bounds.sort(compare).filter((value, at) => at === 0 || compare(bounds[at - 1], value) !== 0)
    draft.width = 2 * draft.breakpoints.length + 2
  }
}

function* writeAxis(
  { table, width, axes, exclusions }: IndexTable,
  { negated, clauses, terms, breakpoints }: AxisDraft,
  firstColumn: number,
  entryCount: number,
): Steps<void> {
  const add = (position: number, column: number) => {
    table[(position >> 5) * width + column]! |= 1 << (position & 31)
  }
  const remove = (position: number, column: number) => {
    table[(position >> 5) * width + column]! &= ~(1 << (position & 31))
  }
  if (!negated) {
    for (let position = 0; position < entryCount; position += 1) add(position, firstColumn)
    for (const { position } of clauses) remove(position, firstColumn)
  }
  const columns = new Map([...terms].map(([term, column]) => [term, firstColumn + column]))
  for (const { position, clause } of clauses) {
    yield
    if ('terms' in clause) {
      for (const term of clause.terms) add(position, columns.get(term)!)
    } else {
      const { lowest, highest } = ranksOf(clause.orderedType, breakpoints, clause.range)
      for (let rank = lowest; rank <= highest; rank += 1) add(position, firstColumn + 1 + rank)
    }
  }
  const [{ clause }] = clauses as [PlacedClause]
  const { dimension } = clause
  if (!('terms' in clause)) {
    const lookup = { orderedType: clause.orderedType, breakpoints, firstColumn: firstColumn + 1 }
    axes.push({ dimension, unconstrained: firstColumn, lookup })
  } else if (negated) {
    exclusions.push({ dimension, space: clause.space, columns })
  } else {
    axes.push({ dimension, unconstrained: firstColumn, lookup: { space: clause.space, columns } })
  }
}

/** The lowest and highest rank in a range. Both ends of the range are breakpoints. */
function ranksOf(orderedType: OrderedType, breakpoints: readonly unknown[], { from, to }: Range) {
  const lowest = from ? rankOf(orderedType, breakpoints, from.value) + (from.included ? 0 : 1) : 0
  const highest = to ? rankOf(orderedType, breakpoints, to.value) - (to.included ? 0 : 1) : 2 * breakpoints.length
  return { lowest, highest }
}

/** 0 to twice the number of breakpoints. */
function rankOf({ compare }: OrderedType, breakpoints: readonly unknown[], value: unknown): number {
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
