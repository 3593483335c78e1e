// Operators that look values up by their terms, and the one that asks for any value at all.

import { foldCase } from '../context-values.ts'
import type { ValueKind } from '../kinds.ts'
import { type OperatorDefinition, required, type Test } from './operator.ts'

/** Where the terms of a comparison are looked for: in `ContextValues.terms`, or in `ContextValues.folded`. */
export type TermSpace = 'terms' | 'folded'

/** What these values are looked up by. */
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
    misses: (value, kind) => (kind.termOf(value) === undefined ? kind.expected : undefined),
    compile(values, kind, caseInsensitive) {
      const { space, terms: wanted } = termsFor(values, kind, caseInsensitive)
      const isHeld = anyIn(new Set(wanted), space)
      return terms === 'present' ? isHeld : (held) => !isHeld(held)
    },
  }
}

/** A value that cannot be read as one of its kind is as if missing, here too. */
export const exists: OperatorDefinition = {
  description: 'Something is held. Takes no values.',
  takes: 'none',
  comparesLetters: false,
  misses: () => 'left out',
  compile: () => (held) => held.terms.length > 0,
}

function anyIn(wanted: ReadonlySet<string>, space: TermSpace): Test {
  return (held) => {
    for (const term of held[space]) if (wanted.has(term)) return true
    return false
  }
}
