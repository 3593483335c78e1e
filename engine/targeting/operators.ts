// The one table of operators: what each means, which values it takes, and how it is compiled. A dimension with several
// values (tags) matches if any of them does. A missing one has no values, hence matches no positive operator; NOT_IN asks
// that none of the values is in the list, hence is TRUE of a missing dimension. A held value that cannot be read as
// the number, version, date or code that is asked for is as if missing.
//
// No operator asks what time it is: when something is shown is for schedules to say, whose windows bound how long an answer
// holds. DATE_BEFORE and DATE_AFTER compare a date that the app sends (when a subscription ends) with a fixed one.

import { exists, listed } from './operators/listed.ts'
import type { OperatorDefinition } from './operators/operator.ts'
import { above, atLeast, atMost, below, between, just, ordered } from './operators/ordered.ts'
import { matchesPattern } from './operators/pattern.ts'
import { partOfText } from './operators/text.ts'
import { INSTANTS, NUMBERS, VERSIONS } from './ordered-types.ts'
import type { Operator } from './types.ts'

export const OPERATORS: Readonly<Record<Operator, OperatorDefinition>> = {
  IN: listed('one or more', 'present', 'One of the values held is in the list.'),
  NOT_IN: listed('one or more', 'absent', 'None of the values held is in the list; true when nothing is held.'),
  EQUALS: listed('exactly one', 'present', 'One of the values held is this one.'),
  STARTS_WITH: partOfText('starts with', (text, value) => text.startsWith(value)),
  ENDS_WITH: partOfText('ends with', (text, value) => text.endsWith(value)),
  CONTAINS: partOfText('contains', (text, value) => text.includes(value)),
  MATCHES: matchesPattern,
  EXISTS: exists,
  NUMBER_EQ: ordered(NUMBERS, 'equals this number', just),
  NUMBER_LT: ordered(NUMBERS, 'is less than this number', below),
  NUMBER_LTE: ordered(NUMBERS, 'is at most this number', atMost),
  NUMBER_GT: ordered(NUMBERS, 'is greater than this number', above),
  NUMBER_GTE: ordered(NUMBERS, 'is at least this number', atLeast),
  NUMBER_BETWEEN: between(NUMBERS),
  VERSION_EQ: ordered(VERSIONS, 'is this version', just),
  VERSION_LT: ordered(VERSIONS, 'is before this version', below),
  VERSION_LTE: ordered(VERSIONS, 'is this version or one before it', atMost),
  VERSION_GT: ordered(VERSIONS, 'is after this version', above),
  VERSION_GTE: ordered(VERSIONS, 'is this version or one after it', atLeast),
  VERSION_BETWEEN: between(VERSIONS),
  DATE_BEFORE: ordered(INSTANTS, 'is before this one', below),
  DATE_AFTER: ordered(INSTANTS, 'is after this one', above),
}
