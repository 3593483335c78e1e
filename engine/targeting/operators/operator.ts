// What an operator is: a line of the table in ../operators.ts.

import type { ContextValues } from '../context-values.ts'
import type { ValueKind } from '../kinds.ts'
import type { OrderedType, Range } from '../ordered-types.ts'

/** Asks about what a request holds in one dimension. */
export type Test = (held: ContextValues) => boolean

export type OperatorDefinition = {
  description: string
  /** How many values a comparison with it takes. */
  takes: 'none' | 'exactly one' | 'exactly two' | 'one or more'
  /** Whether it compares letters, so that `caseInsensitive` can be said of it. */
  comparesLetters: boolean
  /** What a value must be, when this one is not: `a version such as 8.1.0`. */
  misses(value: string, kind: ValueKind): string | undefined
  /** What is wrong with these values together, each of which misses nothing: `must ...`. */
  contradicts?(values: readonly string[]): string | undefined
  /** @throws Error on a value that `misses` something. */
  compile(values: readonly string[], kind: ValueKind, caseInsensitive: boolean): Test
  /** Of operators that ask whether a term is held: whether they ask for that, or for the contrary. */
  terms?: 'present' | 'absent'
  /** Of operators that ask whether a value held lies in a range: on which orderedType, and in which. */
  orderedType?: OrderedType
  rangeOf?(values: readonly string[]): Range
}

export function required<T>(parsed: T | undefined, value: string | undefined): T {
  if (parsed === undefined) throw new Error(`Cannot compile a constraint: this version cannot read ${value}`)
  return parsed
}
