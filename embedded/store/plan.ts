// Narrows a filter to candidates by the declared indexes. It only ever leaves out documents that cannot match: the
// caller still asks the whole filter of every candidate, so a missed chance costs time and never an answer.
import { Binary, BSONRegExp } from 'bson'
import { compare, equal, type Key, typeRank } from '../compare.ts'
import { isOperators } from '../query/conditions.ts'
import { type Doc, field, isDoc, type Value } from '../values.ts'
import type { Bound, Index, Span } from './index.ts'

const maxSpans = 1_000

/** Where the candidates of an index stand. */
export interface Stretch {
  index: Index
  spans: Span[]
}

/** Some of these stretches hold every document that can match; `size` entries altogether. */
export interface Plan {
  stretches: Stretch[]
  size: number
}

/** What leaves the fewest candidates: one index, or for an `$or` one for each branch; undefined if none can tell. */
export function choosePlan(filter: Doc, indexes: readonly Index[]): Plan | undefined {
  let best: Plan | undefined
  const consider = (plan: Plan | undefined) => {
    if (plan !== undefined && (best === undefined || plan.size < best.size)) best = plan
  }
  const demands = collectDemands(filter)
  if (demands.size > 0) for (const index of indexes) consider(planByIndex(filter, demands, index))
  for (const branches of alternatives(filter)) consider(planOfAll(branches, indexes))
  return best
}

function planByIndex(filter: Doc, demands: Map<string, Bound[]>, index: Index): Plan | undefined {
  const bounds = leadingBounds(index, demands)
  if (bounds.length === 0 || !impliesPartial(filter, index)) return undefined
  const spans = index.plan(bounds)
  return { stretches: [{ index, spans }], size: spans.reduce((sum, span) => sum + span.to - span.from, 0) }
}

/** Every branch must be narrowed: a document may match by any of them. */
function planOfAll(branches: readonly Doc[], indexes: readonly Index[]): Plan | undefined {
  const all: Plan = { stretches: [], size: 0 }
  for (const branch of branches) {
    const plan = choosePlan(branch, indexes)
    if (plan === undefined) return undefined
    all.stretches.push(...plan.stretches)
    all.size += plan.size
  }
  return all
}

/** The branches of each `$or` that every matching document must satisfy: at the top level and within `$and`. */
function alternatives(filter: Doc): Doc[][] {
  return Object.entries(filter).flatMap(([name, operand]) => {
    if (!Array.isArray(operand)) return []
    const branches = operand.filter(isDoc)
    if (name === '$or') return [branches]
    return name === '$and' ? branches.flatMap(alternatives) : []
  })
}

/** Whether a filter asks for a range of `_id`, which only an ordered index of them can narrow. */
export function asksForIdRange(filter: Doc): boolean {
  const demanded = collectDemands(filter).get('_id') ?? []
  return demanded.length > 0 || alternatives(filter).some((branches) => branches.some(asksForIdRange))
}

/** The values that `_id` must be one of; undefined if the filter does not say. */
export function idValues(filter: Doc): Key[] | undefined {
  const bounds = collectDemands(filter).get('_id') ?? []
  for (const bound of bounds) if ('values' in bound) return bound.values
  return undefined
}

function leadingBounds(index: Index, demands: Map<string, Bound[]>): Bound[] {
  const bounds: Bound[] = []
  let spans = 1
  for (const path of index.paths) {
    const bound = merge(demands.get(path) ?? [], index.multikey)
    if (bound === undefined) break
    if ('values' in bound) {
      spans *= bound.values.length
      if (spans > maxSpans && bounds.length > 0) break
    }
    bounds.push(bound)
    // Of several keys of one document each condition may be met by another, so only one field can narrow.
    if (!('values' in bound) || index.multikey) break
  }
  return bounds
}

/** Values narrow best; ranges of one type are intersected unless different elements of an array may satisfy them. */
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

/** What every matching document must have, by path; from the top level and `$and` only. */
function collectDemands(filter: Doc, demands = new Map<string, Bound[]>()): Map<string, Bound[]> {
  for (const [name, operand] of Object.entries(filter)) {
    if (name === '$and' && Array.isArray(operand)) {
      for (const branch of operand) if (isDoc(branch)) collectDemands(branch, demands)
    } else if (!name.startsWith('$')) {
      const bounds = boundsOf(operand)
      if (bounds.length > 0) demands.set(name, [...(demands.get(name) ?? []), ...bounds])
    }
  }
  return demands
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

/** Null also means missing, arrays match whole or by element, NaN is equal only to itself: those are left alone. */
function canNarrow(value: Value): boolean {
  if (value === null || Array.isArray(value) || value instanceof BSONRegExp) return false
  return !Number.isNaN(value) && (typeof value !== 'object' || value instanceof Binary || !isOperators(value))
}

function distinct(values: Value[]): Value[] {
  const sorted = [...values].sort(compare)
  return sorted.filter((value, at) => at === 0 || !equal(value, sorted[at - 1]!))
}

/** A partial index may be asked only if the filter repeats the index's own condition, word for word. */
function impliesPartial(filter: Doc, index: Index): boolean {
  const partial = index.definition.partialFilterExpression
  if (partial === undefined) return true
  return Object.entries(partial).every(([name, operand]) => {
    const own = field(filter, name)
    return own !== undefined && equal(own, operand)
  })
}
