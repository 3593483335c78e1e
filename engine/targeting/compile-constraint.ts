// Compiles a constraint into a function, once, when a publication is loaded. No request reads the constraint itself. operators.ts says
// what each operator means.

import type { CompiledContext } from './context.ts'
import { ContextValues } from './context-values.ts'
import { valueKindOf } from './dimensions.ts'
import { exactText } from './kinds.ts'
import { OPERATORS } from './operators.ts'
import type { Comparison, InlinedConstraint } from './types.ts'

export type Matcher = (context: CompiledContext) => boolean

/** The values of a missing dimension. */
const MISSING = new ContextValues(exactText, [])

/** @throws Error on a dimension, operator or value that this version does not know. A guess could show content to the wrong users. */
export function compileConstraint(constraint: InlinedConstraint): Matcher {
  if ('all' in constraint) return every(constraint.all.map(compileConstraint))
  if ('any' in constraint) return some(constraint.any.map(compileConstraint))
  if ('not' in constraint) {
    const matches = compileConstraint(constraint.not)
    return (context) => !matches(context)
  }
  return compileComparison(constraint)
}

function compileComparison(comparison: Comparison): Matcher {
  const { dimension, operator, values, caseInsensitive = false } = comparison
  const kind = valueKindOf(comparison)
  const test = OPERATORS[operator].compile(values, kind, caseInsensitive)
  return (context) => test(context.values.get(dimension) ?? MISSING)
}

function every(matchers: readonly Matcher[]): Matcher {
  return (context) => {
    for (const matches of matchers) if (!matches(context)) return false
    return true
  }
}

function some(matchers: readonly Matcher[]): Matcher {
  return (context) => {
    for (const matches of matchers) if (matches(context)) return true
    return false
  }
}
