// What the contents of each kind mean to somebody who compares two of them: which items of a list are the same, whether
// their order counts, and what is another thing rather than the same one changed. What is not said here is free JSON.

import { canonicalJson } from '../../common/base/content-hash.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import type { Comparison, Constraint } from '../../engine/targeting/types.ts'
import type { SubjectKind } from './repository.ts'

/** Of a value; `{}`: free JSON. */
export type Shape = {
  fields?: Record<string, ShapeOf>
  list?: ListShape
  /** Whether one is the other, changed; else the whole value is another one. Left out: always. */
  isChanged?(before: Json, after: Json): boolean
}

/** Where it depends on the value. */
export type ShapeOf = Shape | ((value: Json) => Shape)

export type ListShape = {
  /** Whether the order of the items means something. */
  ordered: boolean
  /** Items with the same identity are the same. Left out: only what is equal is. */
  identity?(item: Json, index: number): string
  /**
   * How alike two items are of which neither is in the other list: those most alike are one that was changed, and with 0
   * they are not. `place`: what stands in the place of another is that one, changed. Left out: each is another.
   */
  alike?: 'place' | ((before: Json, after: Json) => number)
  item?: ShapeOf
}

// biome-ignore lint/suspicious/noExplicitAny: a shape knows what its values are, and nobody else does
type Json = any

/** Of free JSON: only equality says what is the same, and any order may mean something. */
export const FREE_LIST: ListShape = { ordered: true, alike: 'place' }

const SET: Shape = { list: { ordered: false } }
/** The first is compared with the first, and so on. */
const RANGE: Shape = { list: { ordered: true, identity: (_, index) => `${index}` } }

const CAPS: Shape = {
  list: { ordered: false, alike: (a, b) => countOf(a.unit === b.unit, a.every === b.every) },
}

const DAY_PARTS: Shape = {
  list: {
    ordered: false,
    alike: (a, b) => countOf(canonicalJson(a.days) === canonicalJson(b.days), a.from === b.from, a.to === b.to),
    item: { fields: { days: SET } },
  },
}

/** Who gets which creative follows from the order of the list (`chooseByWeight`), so it counts. */
const BOOKED: Shape = { list: { ordered: true, identity: ({ creative }) => creative } }

const constraintShape = (value: Constraint): Shape => (isRange(value) ? RANGE_COMPARISON : ANY_CONSTRAINT)
const MEMBERS: Shape = { list: { ordered: false, alike: likeness, item: constraintShape } }
const ANY_CONSTRAINT: Shape = {
  isChanged: isSameConstraint,
  fields: { all: MEMBERS, any: MEMBERS, not: constraintShape, values: SET },
}
const RANGE_COMPARISON: Shape = { isChanged: isSameConstraint, fields: { values: RANGE } }

export const SHAPES: Record<SubjectKind, Shape> = {
  SCHEDULE: { fields: { creatives: BOOKED, dayParts: DAY_PARTS, excludedDates: SET } },
  CREATIVE: {},
  STRATEGY: { fields: { constraint: constraintShape, caps: CAPS } },
  SEGMENT: { fields: { constraint: constraintShape } },
}

/** The values of a range are its two ends; those of other comparisons are any of them. */
function isRange(value: Constraint): boolean {
  return 'operator' in value && OPERATORS[value.operator]?.takes === 'exactly two'
}

/** Of the same kind; comparisons besides about the same dimension. */
function isSameConstraint(before: Constraint, after: Constraint): boolean {
  if ('dimension' in before && 'dimension' in after) {
    return before.dimension === after.dimension && isRange(before) === isRange(after)
  }
  return (['all', 'any', 'not', 'segment'] as const).some((kind) => kind in before && kind in after)
}

/** Of comparisons by operator and values, of groups by the leaves that both have. Another segment is another. */
function likeness(before: Constraint, after: Constraint): number {
  if (!isSameConstraint(before, after) || 'segment' in before) return 0
  if (!('dimension' in before)) return countShared(leavesOf(before), leavesOf(after))
  const sameOperator = before.operator === (after as Comparison).operator
  return 1 + (sameOperator ? 1_000 : 0) + countShared(before.values, (after as Comparison).values)
}

/** Each comparison and segment; and the dimension of each comparison by itself. */
function leavesOf(constraint: Constraint): string[] {
  if ('all' in constraint) return constraint.all.flatMap(leavesOf)
  if ('any' in constraint) return constraint.any.flatMap(leavesOf)
  if ('not' in constraint) return leavesOf(constraint.not)
  return 'dimension' in constraint ? [canonicalJson(constraint), constraint.dimension] : [constraint.segment]
}

function countShared(some: readonly string[], others: readonly string[]): number {
  const known = new Set(some)
  return new Set(others.filter((one) => known.has(one))).size
}

function countOf(...are: boolean[]): number {
  return are.filter(Boolean).length
}
