// What a comparison asks for, said so that an index can look it up instead of asking entry by entry. Held against the
// compiled comparison by a property test.

import { type TermSpace, termsFor } from './operators/listed.ts'
import { OPERATORS } from './operators.ts'
import { kindOf } from './registry.ts'
import type { Range, Scale } from './scales.ts'
import type { Comparison } from './types.ts'

/**
 * True of a request when `context.values.get(dimension)?.[space]` has one of the terms; when `negated`, exactly then it is
 * false. A missing dimension has no terms.
 */
export type ComparisonTerms = { dimension: string; space: TermSpace; terms: string[]; negated: boolean }

/** True of a request when one of `scale.valuesIn(held)` lies in the range. A missing dimension has none. */
export type ComparisonRange = { dimension: string; scale: Scale; range: Range }

/**
 * Null when it takes more than terms to decide.
 *
 * @throws Error as compileConstraint does.
 */
export function comparisonTerms(comparison: Comparison): ComparisonTerms | null {
  const { dimension, operator, values, caseInsensitive = false } = comparison
  const kind = kindOf(comparison)
  const { terms } = OPERATORS[operator]
  if (!terms) return null
  return { dimension, ...termsFor(values, kind, caseInsensitive), negated: terms === 'not held' }
}

/**
 * Null when it asks for no order.
 *
 * @throws Error as compileConstraint does.
 */
export function comparisonRange(comparison: Comparison): ComparisonRange | null {
  const { dimension, operator, values } = comparison
  kindOf(comparison)
  const { scale, rangeOf } = OPERATORS[operator]
  return scale && rangeOf ? { dimension, scale, range: rangeOf(values) } : null
}
