// A simple evaluation of constraints, as an oracle for engine/targeting: it reads both sides anew and compares them, case by case. It
// shares no code with engine/targeting.

import { Temporal } from 'temporal-polyfill'
import type { InlinedConstraint, RequestContext } from '../../engine/targeting/types.ts'

export function holds(constraint: InlinedConstraint, context: RequestContext): boolean {
  if ('all' in constraint) return constraint.all.every((child) => holds(child, context))
  if ('any' in constraint) return constraint.any.some((child) => holds(child, context))
  if ('not' in constraint) return !holds(constraint.not, context)
  const { dimension, operator, values, caseInsensitive = false } = constraint
  const held = valuesOf(dimension, context)
  const anyCase = caseInsensitive || ANY_CASE.includes(dimension)
  const some = (holdsOf: (one: string, value: string) => boolean) =>
    held.some((one) => values.some((value) => (anyCase ? holdsOf(lower(one), lower(value)) : holdsOf(one, value))))
  const isListed = () => some((one, value) => isFound(dimension, one, value))

  if (operator === 'IN' || operator === 'EQUALS') return isListed()
  if (operator === 'NOT_IN') return !isListed()
  if (operator === 'STARTS_WITH') return some((one, value) => one.slice(0, value.length) === value)
  if (operator === 'ENDS_WITH') return some((one, value) => one.length >= value.length && one.endsWith(value))
  if (operator === 'CONTAINS') return some((one, value) => one.split(value).length > 1)
  if (operator === 'MATCHES') return held.some((one) => new RegExp(values[0]!, anyCase ? 'iu' : 'u').test(one))
  if (operator === 'EXISTS') return held.some((one) => isReadable(dimension, one))
  const [kind, relation] = operator.split('_') as ['NUMBER' | 'VERSION' | 'DATE', string]
  const orderOf = { NUMBER: orderOfNumbers, VERSION: orderOfVersions, DATE: orderOfDates }[kind]
  return held.some((one) => {
    const order = orderOf(one, values[0]!)
    if (order === null) return false
    if (relation === 'BETWEEN') return order >= 0 && orderOf(one, values[1]!)! <= 0
    if (relation === 'EQ') return order === 0
    if (relation === 'LTE' || relation === 'GTE') return relation === 'LTE' ? order <= 0 : order >= 0
    return relation === 'LT' || relation === 'BEFORE' ? order < 0 : order > 0
  })
}

const ANY_CASE = ['platform', 'network']

export function valuesOf(dimension: string, context: RequestContext): readonly string[] {
  if (dimension === 'tags') return context.tags ?? []
  if (!dimension.startsWith('attributes.')) {
    const value = (context as Record<string, string | null | undefined>)[dimension]
    return value ? [value] : []
  }
  return (context.attributes ?? [])
    .filter((attribute) => `attributes.${attribute.name}` === dimension)
    .flatMap((attribute) => attribute.values)
}

function isFound(dimension: string, held: string, value: string): boolean {
  if (dimension === 'appVersion' || dimension === 'osVersion') return orderOfVersions(held, value) === 0
  if (dimension === 'region' || dimension === 'language') {
    const [code, above] = [held, value].map((text) => text.toLowerCase().split(/[-_]/))
    const isCode = code!.every((part) => /^[a-z0-9]{1,8}$/.test(part))
    return isCode && above!.every((part, at) => part === code![at])
  }
  return held === value
}

function isReadable(dimension: string, held: string): boolean {
  if (dimension === 'appVersion' || dimension === 'osVersion') return readVersion(held) !== null
  if (dimension !== 'region' && dimension !== 'language') return true
  const [first, ...rest] = held.split(/[-_]/)
  const isFirst = dimension === 'region' ? /^[A-Za-z]{2}$/.test(first!) : /^[A-Za-z]{2,8}$/.test(first!)
  return isFirst && rest.every((part) => /^[A-Za-z0-9]{1,8}$/.test(part))
}

function lower(text: string): string {
  return text.toLowerCase()
}

/** In milliseconds, as Temporal reads the text. */
function orderOfDates(a: string, b: string): number | null {
  const [one, other] = [readDate(a), readDate(b)]
  return one === null || other === null ? null : Math.sign(one - other)
}

function readDate(text: string): number | null {
  try {
    return Temporal.Instant.from(text.includes('T') ? text : `${text}T00:00Z`).epochMilliseconds
  } catch {
    return null // not a date, or not a day of the calendar
  }
}

/** Only for numbers that a float represents exactly. */
function orderOfNumbers(a: string, b: string): number | null {
  return /^-?[0-9.e]+$/.test(a) && a !== '.' ? Math.sign(Number(a) - Number(b)) : null
}

/** The order of semver.org, section 11, for any number of parts. */
function orderOfVersions(a: string, b: string): number | null {
  const [left, right] = [readVersion(a), readVersion(b)]
  if (!left || !right) return null
  for (let at = 0; at < 100; at += 1) {
    const [one, other] = [left.parts[at] ?? 0n, right.parts[at] ?? 0n]
    if (one !== other) return one < other ? -1 : 1
  }
  if (!left.words || !right.words) return left.words ? -1 : right.words ? 1 : 0
  for (let at = 0; at < 100; at += 1) {
    const [one, other] = [left.words[at], right.words[at]]
    if (one === other) continue
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1
    const [oneIsNumber, otherIsNumber] = [/^[0-9]+$/.test(one), /^[0-9]+$/.test(other)]
    if (oneIsNumber !== otherIsNumber) return oneIsNumber ? -1 : 1
    if (!oneIsNumber) return one < other ? -1 : 1
    if (BigInt(one) !== BigInt(other)) return BigInt(one) < BigInt(other) ? -1 : 1
  }
  return 0
}

function readVersion(text: string): { parts: bigint[]; words: string[] | null } | null {
  const version = text.replace(/^v/i, '').replace(/\+.*/, '')
  const dash = version.indexOf('-')
  const parts = (dash < 0 ? version : version.slice(0, dash)).split('.')
  const words = dash < 0 ? null : version.slice(dash + 1).split('.')
  if (!parts.every((part) => /^[0-9]+$/.test(part))) return null
  if (words && !words.every((word) => /^[0-9A-Za-z-]+$/.test(word))) return null
  return { parts: parts.map(BigInt), words }
}
