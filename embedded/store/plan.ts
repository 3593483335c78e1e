// Narrows a filter to candidates by the declared indexes. It only ever leaves out documents that cannot match: the
// caller still asks the whole filter of every candidate, so a missed chance costs time and never an answer.
import { Binary, BSONRegExp } from 'bson'
import { compare, equal, type Key, typeRank } from '../compare.ts'
import { isOperators } from '../query/conditions.ts'
import { type Doc, field, isDoc, type Value } from '../values.ts'
import type { Bound, Index, Span } from './index.ts'

const maxSpans = 1_000

/** The index that leaves the fewest candidates, and where they stand; undefined if none can tell. */
export function chooseIndex(filter: Doc, indexes: Iterable<Index>): { index: Index; spans: Span[] } | undefined {
  const demands = collectDemands(filter)
  if (demands.size === 0) return undefined
  let best: { index: Index; spans: Span[]; size: number } | undefined
  for (const index of indexes) {
    const bounds = leadingBounds(index, demands)
    if (bounds.length === 0 || !impliesPartial(filter, index)) continue
    const spans = index.plan(bounds)
    const size = spans.reduce((sum, span) => sum + span.to - span.from, 0)
    if (best === undefined || size < best.size) best = { index, spans, size }
  }
  return best
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
