// What of a constraint an index can look up: the comparisons with terms or ranges that all have to hold. What is left of it
// is asked of every entry that the index lets through.

import { type ComparisonRange, type ComparisonTerms, comparisonRange, comparisonTerms } from '../targeting/indexed.ts'
import type { InlinedConstraint } from '../targeting/types.ts'

/** True of a request when one of its terms, or one of its values in the range, is held; negated: when none is. */
export type Clause = ComparisonTerms | ComparisonRange

/** A constraint is the same as all of its parts. */
export type Part = { source: InlinedConstraint; clause: Clause | null }

/** @throws Error as compileConstraint does. */
export function partsOf(constraint: InlinedConstraint): Part[] {
  if ('all' in constraint) return constraint.all.flatMap(partsOf)
  return [{ source: constraint, clause: clauseOf(constraint) }]
}

function clauseOf(constraint: InlinedConstraint): Clause | null {
  if ('dimension' in constraint) return comparisonTerms(constraint) ?? comparisonRange(constraint)
  if (!('not' in constraint) || !('dimension' in constraint.not)) return null
  const terms = comparisonTerms(constraint.not)
  return terms && { ...terms, negated: !terms.negated }
}
