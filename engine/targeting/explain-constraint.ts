// Explains why a constraint does not match: it finds the first comparison, in the order of the tree, that decided. It compiles and
// evaluates every part with the code that serves requests, so it is slow, but says the same.

import { compileConstraint } from './compile-constraint.ts'
import type { CompiledContext } from './context.ts'
import type { InlinedConstraint, Operator } from './types.ts'

export type ConstraintExplanation =
  | { matched: true }
  | {
      matched: false
      /** The place of the comparison in the constraint: `all[1].any[0]`. Empty: it is the whole constraint. */
      path: string
      /** Null: there is no comparison to name, as in `not` of an empty `all`. */
      dimension: string | null
      operator: Operator | null
      /** The values of the comparison. */
      values: readonly string[]
      /** The values of the request, trimmed and in NFC as they are compared. Empty: the dimension is missing. */
      held: readonly string[]
    }

/**
 * In an `all`, the first part that does not match decided. In an `any` no part matches, and the first one is named. In a `not`, the
 * comparison is named that made the inner part match.
 *
 * @throws Error as compileConstraint does.
 */
export function explainConstraint(constraint: InlinedConstraint, context: CompiledContext): ConstraintExplanation {
  return compileConstraint(constraint)(context) ? { matched: true } : decidingComparison(constraint, context, false, '')
}

/** The comparison that made the result of the constraint `outcome`. */
function decidingComparison(
  constraint: InlinedConstraint,
  context: CompiledContext,
  outcome: boolean,
  path: string,
): ConstraintExplanation {
  const at = (step: string) => (path === '' ? step : `${path}.${step}`)
  if ('not' in constraint) return decidingComparison(constraint.not, context, !outcome, at('not'))
  if ('dimension' in constraint) {
    const { dimension, operator, values } = constraint
    return { matched: false, path, dimension, operator, values, held: context.values.get(dimension)?.texts ?? [] }
  }
  const [name, parts] = 'all' in constraint ? ['all', constraint.all] : ['any', constraint.any]
  const index = parts.findIndex((part) => compileConstraint(part)(context) === outcome)
  if (index < 0) return { matched: false, path, dimension: null, operator: null, values: [], held: [] }
  return decidingComparison(parts[index]!, context, outcome, at(`${name}[${index}]`))
}
