// Operators that look up values by their terms (IN, NOT_IN, EQUALS), and EXISTS.

import { foldCase } from '../context-values.ts'
import type { ValueKind } from '../kinds.ts'
import { type OperatorDefinition, required, type Test } from './operator.ts'

/** The property of `ContextValues` in which the terms of a comparison are looked up. */
export type TermSpace = 'terms' | 'folded'

/** The terms of the values of a comparison, and where to look them up. */
export function termsFor(
  values: readonly string[],
  kind: ValueKind,
  caseInsensitive: boolean,
): { space: TermSpace; terms: string[] } {
  if (caseInsensitive) return { space: 'folded', terms: values.map(foldCase) }
  return { space: 'terms', terms: values.map((value) => required(kind.termOf(value), value)) }
}

export function listed(
  takes: OperatorDefinition['takes'],
  terms: 'present' | 'absent',
  description: string,
): OperatorDefinition {
  return {
    description,
    takes,
    comparesLetters: true,
    terms,
    expectedInstead: (value, kind) => (kind.termOf(value) === undefined ? kind.expected : undefined),
    compile(values, kind, caseInsensitive) {
      const { space, terms: wanted } = termsFor(values, kind, caseInsensitive)
      const isPresent = anyIn(new Set(wanted), space)
      return terms === 'present' ? isPresent : (actual) => !isPresent(actual)
    },
  }
}

/** A value that its kind cannot read counts as missing, here too. */
export const exists: OperatorDefinition = {
  description: 'The request has a value. Takes no values.',
  takes: 'none',
  comparesLetters: false,
  expectedInstead: () => 'left out',
  compile: () => (actual) => actual.terms.length > 0,
}

function anyIn(wanted: ReadonlySet<string>, space: TermSpace): Test {
  return (actual) => {
    for (const term of actual[space]) if (wanted.has(term)) return true
    return false
  }
}
