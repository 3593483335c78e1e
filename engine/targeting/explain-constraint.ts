// Why a constraint does not match: the first comparison, in the order of the tree, that decided it. Slower than the
// compiled constraint, and said by the same code: every part is compiled and asked.

import { compileConstraint } from './compile-constraint.ts'
import type { CompiledContext } from './context.ts'
import type { InlinedConstraint, Operator } from './types.ts'

export type ConstraintExplanation =
  | { matched: true }
  | {
      matched: false
      /** Where the comparison is in the constraint: `all[1].any[0]`; empty when it is the whole constraint. */
      path: string
      /** Null where there is no comparison to point at: `not` of an empty `all`. */
      dimension: string | null
      operator: Operator | null
      /** What the comparison asks for. */
      values: readonly string[]
      /** What the request holds in the dimension, as it is compared: trimmed and in NFC; none = missing. */
      held: readonly string[]
    }

/**
 * Of an `all`, the first part that does not match decided it; of an `any`, where none does, the first; of a `not`, what made
 * the part below it match.
 *
 * @throws Error as compileConstraint does.
 */
export function explainConstraint(constraint: InlinedConstraint, context: CompiledContext): ConstraintExplanation {
  return compileConstraint(constraint)(context) ? { matched: true } : decider(constraint, context, false, '')
}

/** What made the constraint come out as `outcome`, which it did. */
function decider(
  constraint: InlinedConstraint,
  context: CompiledContext,
  outcome: boolean,
  path: string,
): ConstraintExplanation {
  const at = (step: string) => (path === '' ? step : `${path}.${step}`)
  if ('not' in constraint) return decider(constraint.not, context, !outcome, at('not'))
  if ('dimension' in constraint) {
    const { dimension, operator, values } = constraint
    return { matched: false, path, dimension, operator, values, held: context.values.get(dimension)?.texts ?? [] }
  }
  const [name, parts] = 'all' in constraint ? ['all', constraint.all] : ['any', constraint.any]
  const index = parts.findIndex((part) => compileConstraint(part)(context) === outcome)
  if (index < 0) return { matched: false, path, dimension: null, operator: null, values: [], held: [] }
  return decider(parts[index]!, context, outcome, at(`${name}[${index}]`))
}
