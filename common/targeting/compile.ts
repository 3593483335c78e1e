// Turns a constraint into a function, once, when a publication is loaded, and a request's context into what
// such functions read. The semantics of single operators are in operators.ts.

import { murmur3 } from '../decision/hash.ts'
import { OPERATORS } from './operators.ts'
import { DIMENSION_FAMILIES, DIMENSIONS, operatorsOf } from './registry.ts'
import type { Comparison, InlinedConstraint, RequestContext } from './types.ts'

/** A request's context, read once for all slots and entries. */
export type CompiledContext = {
  /** What the answer sticks to: the user, else the device, else (null) nothing. */
  key: string | null
  /** `murmur3(key)`; 0 without a key. */
  keyHash: number
  /** dimension -> values; missing dimensions have no line. */
  values: ReadonlyMap<string, readonly string[]>
}

export type Matcher = (context: CompiledContext) => boolean

const NOTHING: readonly string[] = []

/** @throws Error on a dimension or operator that this version does not know: no guess is safe. */
export function compileConstraint(constraint: InlinedConstraint): Matcher {
  if ('all' in constraint) return every(constraint.all.map(compileConstraint))
  if ('any' in constraint) return some(constraint.any.map(compileConstraint))
  if ('not' in constraint) {
    const matches = compileConstraint(constraint.not)
    return (context) => !matches(context)
  }
  return compileComparison(constraint)
}

/** An empty user or device id is as good as none. */
export function readContext(context: RequestContext): CompiledContext {
  const values = new Map<string, readonly string[]>()
  for (const dimension of DIMENSIONS) {
    const held = dimension.read(context)
    if (held.length > 0) values.set(dimension.name, held)
  }
  for (const family of DIMENSION_FAMILIES) {
    for (const [name, held] of family.read(context)) {
      if (held.length > 0) values.set(family.prefix + name, held)
    }
  }
  const key = context.userId || context.deviceId || null
  return { key, keyHash: key === null ? 0 : murmur3(key), values }
}

function compileComparison({ dimension, operator, values }: Comparison): Matcher {
  if (!operatorsOf(dimension)?.includes(operator)) {
    throw new Error(`Cannot compile a constraint: ${dimension} ${operator} is not known to this version`)
  }
  const test = OPERATORS[operator].compile(values)
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
