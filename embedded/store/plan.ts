// The query planner: chooses the indexes that leave the fewest candidates for a filter. It leaves out only documents
// that cannot match. The caller checks every candidate against the whole filter, so a poor plan costs only time.
import { Binary, BSONRegExp } from 'bson'
import { compare, equal, type Key, typeRank } from '../compare.ts'
import { isOperators } from '../query/conditions.ts'
import { type Doc, field, isDoc, type Value } from '../values.ts'
import type { Bound, EntryRange, Index } from './collection-index.ts'

/** An `$in` with many values on several fields would multiply to too many ranges. */
const maxRanges = 1_000

/** The entries of one index that hold the candidates. */
export interface IndexScan {
  index: Index
  ranges: EntryRange[]
}

/** Together the scans hold every document that can match. `size` is the number of their entries. */
export interface Plan {
  scans: IndexScan[]
  size: number
}

/** One index, or for an `$or` one for each branch. Undefined if no index can narrow the filter. */
export function choosePlan(filter: Doc, indexes: readonly Index[]): Plan | undefined {
  let best: Plan | undefined
  const consider = (plan: Plan | undefined) => {
    if (plan !== undefined && (best === undefined || plan.size < best.size)) best = plan
  }
  const byPath = boundsByPath(filter)
  if (byPath.size > 0) for (const index of indexes) consider(planByIndex(filter, byPath, index))
  for (const branches of alternatives(filter)) consider(planOfAll(branches, indexes))
  return best
}

function planByIndex(filter: Doc, byPath: Map<string, Bound[]>, index: Index): Plan | undefined {
  const bounds = leadingBounds(index, byPath)
  if (bounds.length === 0 || !impliesPartial(filter, index)) return undefined
  const ranges = index.lookup(bounds)
  return { scans: [{ index, ranges }], size: ranges.reduce((sum, range) => sum + range.to - range.from, 0) }
}

/** A document can match by any branch, so every branch needs an index. */
function planOfAll(branches: readonly Doc[], indexes: readonly Index[]): Plan | undefined {
  const all: Plan = { scans: [], size: 0 }
  for (const branch of branches) {
    const plan = choosePlan(branch, indexes)
    if (plan === undefined) return undefined
    all.scans.push(...plan.scans)
    all.size += plan.size
  }
  return all
}

/** The branches of each `$or` at the top level and within `$and`: every matching document satisfies one of them. */
function alternatives(filter: Doc): Doc[][] {
  return Object.entries(filter).flatMap(([name, operand]) => {
    if (!Array.isArray(operand)) return []
    const branches = operand.filter(isDoc)
    if (name === '$or') return [branches]
    return name === '$and' ? branches.flatMap(alternatives) : []
  })
}

/** Whether a filter asks for a range of `_id`. Only an ordered index of ids can narrow it. */
export function asksForIdRange(filter: Doc): boolean {
  const idBounds = boundsByPath(filter).get('_id') ?? []
  return idBounds.length > 0 || alternatives(filter).some((branches) => branches.some(asksForIdRange))
}

/** The only values that `_id` can have. Undefined if the filter does not name them. */
export function idValues(filter: Doc): Key[] | undefined {
  const bounds = boundsByPath(filter).get('_id') ?? []
  for (const bound of bounds) if ('values' in bound) return bound.values
  return undefined
}

function leadingBounds(index: Index, byPath: Map<string, Bound[]>): Bound[] {
  const bounds: Bound[] = []
  let ranges = 1
  for (const path of index.paths) {
    const bound = merge(byPath.get(path) ?? [], index.multikey)
    if (bound === undefined) break
    if ('values' in bound) {
      ranges *= bound.values.length
      if (ranges > maxRanges && bounds.length > 0) break
    }
    bounds.push(bound)
    // Different keys of one document can meet different conditions, so only one field can narrow.
    if (!('values' in bound) || index.multikey) break
  }
  return bounds
}

/** Values narrow best. Ranges of one type are intersected, unless different elements of an array can satisfy them. */
function merge(bounds: readonly Bound[], multikey: boolean): Bound | undefined {
  const first = bounds.find((bound) => 'values' in bound) ?? bounds[0]
  if (first === undefined || 'values' in first || multikey) return first
  const merged = { ...first }
  const rank = typeRank((first.low ?? first.high)!)
  for (const bound of bounds) {
    if ('values' in bound || typeRank((bound.low ?? bound.high)!) !== rank) continue
    if (bound.low !== undefined && (merged.low === undefined || compare(bound.low, merged.low) > 0)) {
      merged.low = bound.low
      merged.lowOpen = bound.lowOpen ?? false
    }
    if (bound.high !== undefined && (merged.high === undefined || compare(bound.high, merged.high) < 0)) {
      merged.high = bound.high
      merged.highOpen = bound.highOpen ?? false
    }
  }
  return merged
}

/** What every matching document must have, by path. Reads the top level and `$and` only. */
function boundsByPath(filter: Doc, byPath = new Map<string, Bound[]>()): Map<string, Bound[]> {
  for (const [name, operand] of Object.entries(filter)) {
    if (name === '$and' && Array.isArray(operand)) {
      for (const branch of operand) if (isDoc(branch)) boundsByPath(branch, byPath)
    } else if (!name.startsWith('$')) {
      const bounds = boundsOf(operand)
      if (bounds.length > 0) byPath.set(name, [...(byPath.get(name) ?? []), ...bounds])
    }
  }
  return byPath
}

function boundsOf(operand: Value): Bound[] {
  if (!isOperators(operand)) return canNarrow(operand) ? [{ values: [operand] }] : []
  const bounds: Bound[] = []
  for (const [operator, value] of Object.entries(operand)) {
    if (operator === '$in' && Array.isArray(value) && value.every(canNarrow)) bounds.push({ values: distinct(value) })
    if (!canNarrow(value)) continue
    if (operator === '$eq') bounds.push({ values: [value] })
    if (operator === '$gt' || operator === '$gte') bounds.push({ low: value, lowOpen: operator === '$gt' })
    if (operator === '$lt' || operator === '$lte') bounds.push({ high: value, highOpen: operator === '$lt' })
  }
  return bounds
}

/** False for null (it also means missing), arrays (they match whole or by element) and NaN (it equals only itself). */
function canNarrow(value: Value): boolean {
  if (value === null || Array.isArray(value) || value instanceof BSONRegExp) return false
  return !Number.isNaN(value) && (typeof value !== 'object' || value instanceof Binary || !isOperators(value))
}

function distinct(values: Value[]): Value[] {
  const sorted = [...values].sort(compare)
  return sorted.filter((value, at) => at === 0 || !equal(value, sorted[at - 1]!))
}

/** A partial index can serve a filter only if the filter repeats the condition of the index word for word. */
function impliesPartial(filter: Doc, index: Index): boolean {
  const partial = index.definition.partialFilterExpression
  if (partial === undefined) return true
  return Object.entries(partial).every(([name, operand]) => {
    const own = field(filter, name)
    return own !== undefined && equal(own, operand)
  })
}
