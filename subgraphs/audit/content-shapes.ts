// How the contents of each kind are compared: which items of a list are the same, whether the order has a meaning, and when a value is
// a changed one or a different one. Fields without a shape are compared as free JSON.

import { canonicalJson } from '../../common/base/content-hash.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import type { Comparison, Constraint } from '../../engine/targeting/types.ts'
import type { SubjectKind } from './repository.ts'

/** How a value is compared. `{}` is free JSON. */
export type Shape = {
  fields?: Record<string, ShapeOf>
  list?: ListShape
  /** True when `after` is `before` with changes inside. False: the whole value is different. Left out: always true. */
  isChanged?(before: Json, after: Json): boolean
}

/** A shape, or a function when the shape depends on the value. */
export type ShapeOf = Shape | ((value: Json) => Shape)

export type ListShape = {
  /** Whether the order of the items has a meaning. */
  ordered: boolean
  /** Items with the same identity are the same item. Left out: only equal items are. */
  identity?(item: Json, index: number): string
  /**
   * Pairs a removed with an added item as one changed item. A function scores how alike they are: the highest score wins, 0
   * pairs nothing. `place` pairs items at the same position. Left out: nothing is paired.
   */
  alike?: 'place' | ((before: Json, after: Json) => number)
  item?: ShapeOf
}

// biome-ignore lint/suspicious/noExplicitAny: only a shape knows the type of its values
type Json = any

/** Lists in free JSON: only equal items are the same, and the order may have a meaning. */
export const FREE_LIST: ListShape = { ordered: true, alike: 'place' }

const SET: Shape = { list: { ordered: false } }
/** The first item is compared with the first, the second with the second. */
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

/** The order has a meaning: `chooseByWeight` picks a user's creative by it. */
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

/** The values of a range are its two ends, in order. The values of other comparisons are a set. */
function isRange(value: Constraint): boolean {
  return 'operator' in value && OPERATORS[value.operator]?.takes === 'exactly two'
}

/** Both have the same kind (all, any, not, segment); comparisons also have the same dimension. */
function isSameConstraint(before: Constraint, after: Constraint): boolean {
  if ('dimension' in before && 'dimension' in after) {
    return before.dimension === after.dimension && isRange(before) === isRange(after)
  }
  return (['all', 'any', 'not', 'segment'] as const).some((kind) => kind in before && kind in after)
}

/** The score for `alike`. Comparisons: same operator and shared values. Groups: shared leaves. Different segments: 0. */
function likeness(before: Constraint, after: Constraint): number {
  if (!isSameConstraint(before, after) || 'segment' in before) return 0
  if (!('dimension' in before)) return countShared(leavesOf(before), leavesOf(after))
  const sameOperator = before.operator === (after as Comparison).operator
  return 1 + (sameOperator ? 1_000 : 0) + countShared(before.values, (after as Comparison).values)
}

/** The leaves of a tree as texts: each comparison, its dimension, and each segment. */
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
