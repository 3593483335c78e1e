// Splits a constraint into clauses that an index can look up, and the rest, which must be evaluated entry by entry.
// A property test compares every clause with the compiled comparison.
//
// Example: `{all: [tags IN [vip], appVersion VERSION_GTE 8, region EXISTS]}` has three parts. The first is a term clause
// (the term `vip` of `tags`). The second is a range clause (versions from 8 on). The third has no clause.

import { valueKindOf } from './dimensions.ts'
import { type TermSpace, termsFor } from './operators/listed.ts'
import { OPERATORS } from './operators.ts'
import type { OrderedType, Range } from './ordered-types.ts'
import type { Comparison, InlinedConstraint } from './types.ts'

/**
 * Matches a request when `context.values.get(dimension)?.[space]` contains at least one of the terms. When `negated`, it matches
 * exactly the other requests. A missing dimension has no terms.
 */
export type TermClause = { dimension: string; space: TermSpace; terms: string[]; negated: boolean }

/** Matches a request when one of `orderedType.valuesIn(contextValues)` lies in the range. A missing dimension has no values. */
export type RangeClause = { dimension: string; orderedType: OrderedType; range: Range }

export type Clause = TermClause | RangeClause

/** One part of a constraint, and the clause that means the same; null: an index cannot look this part up. */
export type ConstraintPart = { source: InlinedConstraint; clause: Clause | null }

/**
 * The parts of a constraint. It matches exactly when all of them match.
 *
 * @throws Error as compileConstraint does.
 */
export function partsOf(constraint: InlinedConstraint): ConstraintPart[] {
  if ('all' in constraint) return constraint.all.flatMap(partsOf)
  return [{ source: constraint, clause: clauseOf(constraint) }]
}

function clauseOf(constraint: InlinedConstraint): Clause | null {
  if ('dimension' in constraint) return termClause(constraint) ?? rangeClause(constraint)
  if (!('not' in constraint) || !('dimension' in constraint.not)) return null
  const clause = termClause(constraint.not)
  return clause && { ...clause, negated: !clause.negated }
}

/**
 * Null when the operator does more than look terms up.
 *
 * @throws Error as compileConstraint does.
 */
export function termClause(comparison: Comparison): TermClause | null {
  const { dimension, operator, values, caseInsensitive = false } = comparison
  const kind = valueKindOf(comparison)
  const { terms } = OPERATORS[operator]
  if (!terms) return null
  return { dimension, ...termsFor(values, kind, caseInsensitive), negated: terms === 'absent' }
}

/**
 * Null when the operator does not compare an order.
 *
 * @throws Error as compileConstraint does.
 */
export function rangeClause(comparison: Comparison): RangeClause | null {
  const { dimension, operator, values } = comparison
  valueKindOf(comparison)
  const { orderedType, rangeOf } = OPERATORS[operator]
  return orderedType && rangeOf ? { dimension, orderedType, range: rangeOf(values) } : null
}
