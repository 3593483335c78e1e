// The types of values that have an order (numbers, versions, dates), and ranges of them. Every operator that compares an order is one
// range.

import type { ContextValues } from './context-values.ts'
import { compareDecimals, type Decimal, parseDecimal } from './decimal.ts'
import { parseInstant } from './instant.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'

export type OrderedType<T = unknown> = {
  /** What one value is called: `number`. */
  noun: string
  /** For messages: `a version such as 8.1.0`. */
  expected: string
  /** Undefined: the text is not a value of this type. */
  parse(text: string): T | undefined
  /** Below 0: `a` comes before `b`. 0: they are equal. Above 0: `a` comes after `b`. */
  compare(a: T, b: T): number
  /** The values of a request that are of this type. Parsed at most once per request. */
  valuesIn(actual: ContextValues): readonly T[]
}

/** One end of a range; undefined: it has no end. */
export type Bound<T = unknown> = { value: T; included: boolean } | undefined

/** The values between two bounds. `from` is the lower one. */
export type Range<T = unknown> = { from: Bound<T>; to: Bound<T> }

export const NUMBERS: OrderedType<Decimal> = {
  noun: 'number',
  expected: 'a number such as 8 or -0.5',
  parse: parseDecimal,
  compare: compareDecimals,
  valuesIn: (actual) => actual.numbers,
}

export const VERSIONS: OrderedType<Version> = {
  noun: 'version',
  expected: 'a version such as 8.1.0',
  parse: parseVersion,
  compare: compareVersions,
  valuesIn: (actual) => actual.versions,
}

/** In ms since the Unix epoch. */
export const INSTANTS: OrderedType<number> = {
  noun: 'date',
  expected: 'a date such as 2026-05-01 or 2026-05-01T08:00:00+08:00',
  parse: parseInstant,
  compare: (a, b) => a - b,
  valuesIn: (actual) => actual.instants,
}

export function isInRange<T>({ compare }: OrderedType<T>, { from, to }: Range<T>, value: T): boolean {
  if (from) {
    const order = compare(value, from.value)
    if (order < 0 || (order === 0 && !from.included)) return false
  }
  if (!to) return true
  const order = compare(value, to.value)
  return order < 0 || (order === 0 && to.included)
}
