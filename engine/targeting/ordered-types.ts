// What held values and the values of constraints can be ordered by, and ranges on it: every operator that asks for an
// order is one range.

import type { ContextValues } from './context-values.ts'
import { compareDecimals, type Decimal, parseDecimal } from './decimal.ts'
import { parseInstant } from './instant.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'

export type OrderedType<T = unknown> = {
  /** What one value on it is called: `number`. */
  noun: string
  /** For messages: `a version such as 8.1.0`. */
  expected: string
  /** Undefined when the text is nothing on this orderedType. */
  parse(text: string): T | undefined
  /** Below 0, 0 or above 0, as `a` comes before, is the same as or comes after `b`. */
  compare(a: T, b: T): number
  /** Those held values that are on this orderedType; parsed at most once per request. */
  valuesIn(held: ContextValues): readonly T[]
}

/** Where a range ends; undefined: nowhere. */
export type Bound<T = unknown> = { value: T; included: boolean } | undefined

/** What lies between two bounds, the lower first. */
export type Range<T = unknown> = { from: Bound<T>; to: Bound<T> }

export const NUMBERS: OrderedType<Decimal> = {
  noun: 'number',
  expected: 'a number such as 8 or -0.5',
  parse: parseDecimal,
  compare: compareDecimals,
  valuesIn: (held) => held.numbers,
}

export const VERSIONS: OrderedType<Version> = {
  noun: 'version',
  expected: 'a version such as 8.1.0',
  parse: parseVersion,
  compare: compareVersions,
  valuesIn: (held) => held.versions,
}

/** In ms since the Unix epoch. */
export const INSTANTS: OrderedType<number> = {
  noun: 'date',
  expected: 'a date such as 2026-05-01 or 2026-05-01T08:00:00+08:00',
  parse: parseInstant,
  compare: (a, b) => a - b,
  valuesIn: (held) => held.instants,
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
