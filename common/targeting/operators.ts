// The one table of operators: what each means, which values it takes, and how it is compiled. A dimension with several
// values (tags) matches if any of them does. A missing one has no values, hence matches no positive operator; NOT_IN asks
// that none of the values is in the list, hence is TRUE of a missing dimension. A held value that cannot be read as
// the number, version or code that is asked for is as if missing.

import { compareDecimals, parseDecimal } from './decimal.ts'
import type { Held } from './held.ts'
import type { ValueKind } from './kinds.ts'
import type { Operator } from './types.ts'
import { compareVersions, parseVersion } from './version.ts'

/** Asks about what a request holds in one dimension. */
export type Test = (held: Held) => boolean

export type OperatorDefinition = {
  description: string
  /** How many values a comparison with it takes. */
  takes: 'one or more' | 'exactly one'
  /** What a value must be, when this one is not: `a version such as 8.1.0`. */
  misses(value: string, kind: ValueKind): string | undefined
  /** @throws Error on a value that `misses` something. */
  compile(values: readonly string[], kind: ValueKind): Test
}

export const OPERATORS: Readonly<Record<Operator, OperatorDefinition>> = {
  IN: listed('One of the values held is in the list.', 'one or more', (isIn) => isIn),
  NOT_IN: listed(
    'None of the values held is in the list; true when nothing is held.',
    'one or more',
    (isIn) => (held) => !isIn(held),
  ),
  EQUALS: listed('One of the values held is this one.', 'exactly one', (isIn) => isIn),
  NUMBER_EQ: numeric('equals this number', (order) => order === 0),
  NUMBER_LT: numeric('is less than this number', (order) => order < 0),
  NUMBER_LTE: numeric('is at most this number', (order) => order <= 0),
  NUMBER_GT: numeric('is greater than this number', (order) => order > 0),
  NUMBER_GTE: numeric('is at least this number', (order) => order >= 0),
  VERSION_EQ: versioned('is this version', (order) => order === 0),
  VERSION_LT: versioned('is before this version', (order) => order < 0),
  VERSION_LTE: versioned('is this version or one before it', (order) => order <= 0),
  VERSION_GT: versioned('is after this version', (order) => order > 0),
  VERSION_GTE: versioned('is this version or one after it', (order) => order >= 0),
}

function listed(
  description: string,
  takes: OperatorDefinition['takes'],
  turn: (isIn: Test) => Test,
): OperatorDefinition {
  return {
    description,
    takes,
    misses: (value, kind) => (kind.termOf(value) === undefined ? kind.expected : undefined),
    compile: (values, kind) => turn(anyIn(new Set(values.map((value) => required(kind.termOf(value), value))))),
  }
}

function anyIn(wanted: ReadonlySet<string>): Test {
  return (held) => {
    for (const term of held.terms) if (wanted.has(term)) return true
    return false
  }
}

/** @param fits what is asked of the order of a held number against the one of the comparison. */
function numeric(relation: string, fits: (order: number) => boolean): OperatorDefinition {
  return {
    description: `One of the values held is a number and ${relation}.`,
    takes: 'exactly one',
    misses: (value) => (parseDecimal(value) ? undefined : 'a number such as 8 or -0.5'),
    compile([value]) {
      const wanted = required(parseDecimal(value!), value)
      return (held) => {
        for (const number of held.numbers) if (fits(compareDecimals(number, wanted))) return true
        return false
      }
    },
  }
}

function versioned(relation: string, fits: (order: number) => boolean): OperatorDefinition {
  return {
    description: `One of the values held is a version and ${relation}.`,
    takes: 'exactly one',
    misses: (value) => (parseVersion(value) ? undefined : 'a version such as 8.1.0'),
    compile([value]) {
      const wanted = required(parseVersion(value!), value)
      return (held) => {
        for (const version of held.versions) if (fits(compareVersions(version, wanted))) return true
        return false
      }
    },
  }
}

function required<T>(parsed: T | undefined, value: string | undefined): T {
  if (parsed === undefined) throw new Error(`Cannot compile a constraint: this version cannot read ${value}`)
  return parsed
}
