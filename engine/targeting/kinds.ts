// The kinds of values that dimensions have. A kind gives every value a term, so that two values are the same when their
// terms are, and says with which terms a held value is found: hierarchies are expanded there, once per request,
// so that a comparison only ever looks terms up.

import { type ContextValues, foldCase } from './context-values.ts'
import type { Operator, ValueType } from './types.ts'
import { formatVersion, parseVersion } from './version.ts'

export type ValueKind = {
  type: ValueType
  /** Those that a dimension of this kind has, unless it says otherwise. */
  operators: readonly Operator[]
  /** Whether `a` and `A` are different text. False where values are no text to begin with. */
  caseMatters: boolean
  /** For messages: `a version such as 8.1.0`. */
  expected: string
  /** The term of a value; undefined when it is none of this kind. */
  termOf(value: string): string | undefined
  /** The terms with which held values are found. */
  termsOf(held: ContextValues): readonly string[]
}

/** What can be asked of values of any kind. */
const LISTED = ['IN', 'NOT_IN', 'EQUALS', 'EXISTS'] as const
const OF_TEXT = ['STARTS_WITH', 'ENDS_WITH', 'CONTAINS', 'MATCHES'] as const
const OF_VERSIONS = ['VERSION_EQ', 'VERSION_LT', 'VERSION_LTE', 'VERSION_GT', 'VERSION_GTE', 'VERSION_BETWEEN'] as const
const OF_NUMBERS = ['NUMBER_EQ', 'NUMBER_LT', 'NUMBER_LTE', 'NUMBER_GT', 'NUMBER_GTE', 'NUMBER_BETWEEN'] as const
const OF_DATES = ['DATE_BEFORE', 'DATE_AFTER'] as const

/** For text that may be written as any of these. */
export const ALL_OPERATORS: readonly Operator[] = [...LISTED, ...OF_TEXT, ...OF_NUMBERS, ...OF_VERSIONS, ...OF_DATES]

/** Text to the letter. */
export const exactText: ValueKind = {
  type: 'TEXT',
  operators: [...LISTED, ...OF_TEXT],
  caseMatters: true,
  expected: 'text',
  termOf: (value) => value,
  termsOf: (held) => held.texts,
}

/** Text in any letter case. */
export const anyCaseText: ValueKind = {
  type: 'TEXT',
  operators: [...LISTED, ...OF_TEXT],
  caseMatters: false,
  expected: 'text',
  termOf: foldCase,
  termsOf: (held) => held.folded,
}

/** Versions by the rule of version.ts: `8.1` is the same as `v8.1.0`. */
export const versions: ValueKind = {
  type: 'VERSION',
  operators: [...LISTED, ...OF_VERSIONS],
  caseMatters: false,
  expected: 'a version such as 8.1.0',
  termOf(value) {
    const version = parseVersion(value)
    return version && formatVersion(version)
  },
  termsOf: (held) => held.versions.map(formatVersion),
}

/**
 * Codes of parts with `-` between them (or `_`, as some systems write them), in any letter case. A value means that code
 * and everything below it: `CN` is found in `CN-11`, but not in `CNX`.
 *
 * @param pattern of a well-formed code.
 */
export function codes(expected: string, pattern: RegExp): ValueKind {
  const termOf = (value: string) => (pattern.test(value) ? value.toLowerCase().replaceAll('_', '-') : undefined)
  return {
    type: 'CODE',
    operators: LISTED,
    caseMatters: false,
    expected,
    termOf,
    termsOf: (held) => held.texts.flatMap((text) => withAncestors(termOf(text))),
  }
}

/** `zh-hans-cn` -> `zh-hans-cn`, `zh-hans`, `zh`. */
function withAncestors(code: string | undefined): string[] {
  if (code === undefined) return []
  const all = [code]
  for (let end = code.lastIndexOf('-'); end > 0; end = code.lastIndexOf('-', end - 1)) all.push(code.slice(0, end))
  return all
}
