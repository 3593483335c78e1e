// The table of operators: what each means, which values it takes, and how it is compiled.
//
// - A dimension with several values (tags) matches when one of them matches.
// - A missing dimension has no values. So NOT_IN is true for it, and every other operator is false.
// - A value that cannot be read as the number, version, date or code that the operator needs counts as missing.
// - No operator reads the current time. Schedules have windows for that, and windows limit how long an answer is valid.
//   DATE_BEFORE and DATE_AFTER compare a date that the app sends (the end of a subscription) with a fixed date.

import { exists, listed } from './operators/listed.ts'
import type { OperatorDefinition } from './operators/operator.ts'
import { above, atLeast, atMost, below, between, just, ordered } from './operators/ordered.ts'
import { matchesPattern } from './operators/pattern.ts'
import { partOfText } from './operators/text.ts'
import { INSTANTS, NUMBERS, VERSIONS } from './ordered-types.ts'
import type { Operator } from './types.ts'

export const OPERATORS: Readonly<Record<Operator, OperatorDefinition>> = {
  IN: listed('one or more', 'present', "One of the request's values is in the list."),
  NOT_IN: listed(
    'one or more',
    'absent',
    "None of the request's values is in the list. Also true when the request has no value.",
  ),
  EQUALS: listed('exactly one', 'present', "One of the request's values is this value."),
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
  VERSION_LTE: ordered(VERSIONS, 'is this version or an earlier one', atMost),
  VERSION_GT: ordered(VERSIONS, 'is after this version', above),
  VERSION_GTE: ordered(VERSIONS, 'is this version or a later one', atLeast),
  VERSION_BETWEEN: between(VERSIONS),
  DATE_BEFORE: ordered(INSTANTS, 'is before this date', below),
  DATE_AFTER: ordered(INSTANTS, 'is after this date', above),
}
