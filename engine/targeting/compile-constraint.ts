// Turns a constraint into a function, once, when a publication is loaded: nothing of it is read again per request. The
// semantics of single operators are in operators.ts.

import type { CompiledContext } from './context.ts'
import { ContextValues } from './context-values.ts'
import { valueKindOf } from './dimensions.ts'
import { exactText } from './kinds.ts'
import { OPERATORS } from './operators.ts'
import type { Comparison, InlinedConstraint } from './types.ts'

export type Matcher = (context: CompiledContext) => boolean

const NOTHING = new ContextValues(exactText, [])

/** @throws Error on a dimension, operator or value that this version does not know: no guess is safe. */
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
  return (context) => test(context.values.get(dimension) ?? NOTHING)
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
