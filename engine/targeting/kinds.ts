// The kinds of values that dimensions have. A kind turns each value into a term, and two values are equal when their terms are.
// Example: the versions `8.1` and `v8.1.0` both have the term `8.1`.
//
// A request's value can have several terms: `CN-11` has the terms `cn-11` and `cn`, so that it is found by IN [CN]. They are expanded
// once per request, and a comparison only looks up terms.

import { type ContextValues, foldCase } from './context-values.ts'
import type { Operator, ValueType } from './types.ts'
import { formatVersion, parseVersion } from './version.ts'

export type ValueKind = {
  type: ValueType
  /** The operators of a dimension of this kind, unless the dimension lists its own. */
  operators: readonly Operator[]
  /** Whether `a` and `A` are different. False for values that are not text. */
  caseMatters: boolean
  /** For messages: `a version such as 8.1.0`. */
  expected: string
  /** The term of a value; undefined: it is not of this kind. */
  termOf(value: string): string | undefined
  /** All terms of the values of a request. */
  termsOf(actual: ContextValues): readonly string[]
}

/** For values of every kind. */
const LISTED = ['IN', 'NOT_IN', 'EQUALS', 'EXISTS'] as const
const OF_TEXT = ['STARTS_WITH', 'ENDS_WITH', 'CONTAINS', 'MATCHES'] as const
const OF_VERSIONS = ['VERSION_EQ', 'VERSION_LT', 'VERSION_LTE', 'VERSION_GT', 'VERSION_GTE', 'VERSION_BETWEEN'] as const
const OF_NUMBERS = ['NUMBER_EQ', 'NUMBER_LT', 'NUMBER_LTE', 'NUMBER_GT', 'NUMBER_GTE', 'NUMBER_BETWEEN'] as const
const OF_DATES = ['DATE_BEFORE', 'DATE_AFTER'] as const

/** For text that can also be a number, a version or a date. */
export const ALL_OPERATORS: readonly Operator[] = [...LISTED, ...OF_TEXT, ...OF_NUMBERS, ...OF_VERSIONS, ...OF_DATES]

/** Text that is compared exactly. */
export const exactText: ValueKind = {
  type: 'TEXT',
  operators: [...LISTED, ...OF_TEXT],
  caseMatters: true,
  expected: 'text',
  termOf: (value) => value,
  termsOf: (actual) => actual.texts,
}

/** Text that is compared without letter case. */
export const anyCaseText: ValueKind = {
  type: 'TEXT',
  operators: [...LISTED, ...OF_TEXT],
  caseMatters: false,
  expected: 'text',
  termOf: foldCase,
  termsOf: (actual) => actual.folded,
}

/** Versions by the rule of version.ts: `8.1` equals `v8.1.0`. */
export const versions: ValueKind = {
  type: 'VERSION',
  operators: [...LISTED, ...OF_VERSIONS],
  caseMatters: false,
  expected: 'a version such as 8.1.0',
  termOf(value) {
    const version = parseVersion(value)
    return version && formatVersion(version)
  },
  termsOf: (actual) => actual.versions.map(formatVersion),
}

/**
 * Codes whose parts are separated by `-` (or by `_`, as some systems write), without letter case. A value stands for its code and
 * everything below it: `CN` matches `CN-11`, but not `CNX`.
 *
 * @param pattern matches well-formed codes.
 */
export function codes(expected: string, pattern: RegExp): ValueKind {
  const termOf = (value: string) => (pattern.test(value) ? value.toLowerCase().replaceAll('_', '-') : undefined)
  return {
    type: 'CODE',
    operators: LISTED,
    caseMatters: false,
    expected,
    termOf,
    termsOf: (actual) => actual.texts.flatMap((text) => withAncestors(termOf(text))),
  }
}

/** `zh-hans-cn` -> `zh-hans-cn`, `zh-hans`, `zh`. */
function withAncestors(code: string | undefined): string[] {
  if (code === undefined) return []
  const all = [code]
  for (let end = code.lastIndexOf('-'); end > 0; end = code.lastIndexOf('-', end - 1)) all.push(code.slice(0, end))
  return all
}
