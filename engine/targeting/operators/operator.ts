// The type of an operator: a line of the table in ../operators.ts.

import type { ContextValues } from '../context-values.ts'
import type { ValueKind } from '../kinds.ts'
import type { OrderedType, Range } from '../ordered-types.ts'

/** Tests the values of a request in one dimension. */
export type Test = (actual: ContextValues) => boolean

export type OperatorDefinition = {
  description: string
  /** How many values its comparisons have. */
  takes: 'none' | 'exactly one' | 'exactly two' | 'one or more'
  /** Whether it compares letters, so that `caseInsensitive` is allowed. */
  comparesLetters: boolean
  /** What was expected, when this value is not valid: `a version such as 8.1.0`. Undefined: it is valid. */
  expectedInstead(value: string, kind: ValueKind): string | undefined
  /** The mistake in these values together, as `must ...`. Each of them is valid by itself. Undefined: none. */
  mistakeIn?(values: readonly string[]): string | undefined
  /** @throws Error on a value that is not valid. */
  compile(values: readonly string[], kind: ValueKind, caseInsensitive: boolean): Test
  /** Only for operators that look up terms: whether one of them must be present, or all must be absent. */
  terms?: 'present' | 'absent'
  /** Only for operators that compare an order: the type, and the range in which a value must lie. */
  orderedType?: OrderedType
  rangeOf?(values: readonly string[]): Range
}

export function required<T>(parsed: T | undefined, value: string | undefined): T {
  if (parsed === undefined)
    throw new Error(
      `Cannot compile a constraint: this version cannot read the value ${value}. A newer version of Alkaid may`,
    )
  return parsed
}
