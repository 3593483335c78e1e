// Conversions between types. If MongoDB cannot convert a value, the error is ConversionFailure. Results that depend on
// the numeric type are refused, because this server does not keep it.
import { ObjectId } from 'bson'
import { CommandError, fail, notImplemented } from '../../errors.ts'
import { type Maybe, typeOf, type Value } from '../../values.ts'
import type { Expression, Operator } from '../context.ts'
import { isNullish, namedSpecs, over, typeName } from './arguments.ts'
import { dateText, numberText, objectIdOf, parseDate } from './text.ts'

type Convert = (value: Value) => Value

function unsupported(value: Value, to: string): never {
  return fail(
    'ConversionFailure',
    `Unsupported conversion from ${typeOf(value)} to ${to} in $convert with no onError value`,
  )
}

function whole(to: 'int' | 'long', limit: number): Convert {
  return (value) => {
    if (typeof value === 'boolean') return Number(value)
    if (value instanceof Date && to === 'long') return value.getTime()
    if (typeof value === 'string') return wholeFromText(value, limit)
    if (typeof value !== 'number') return unsupported(value, to)
    const result = Math.trunc(value)
    if (!Number.isFinite(value))
      return fail(
        'ConversionFailure',
        `Attempt to convert ${value} value to integer type in $convert with no onError value`,
      )
    if (result >= limit || result < -limit)
      return fail('ConversionFailure', 'Conversion would overflow target type in $convert with no onError value')
    return safe(result) + 0
  }
}

function wholeFromText(text: string, limit: number): number {
  const result = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(result) || result >= limit || result < -limit) {
    return fail('ConversionFailure', `Failed to parse number '${text}' in $convert with no onError value`)
  }
  return safe(result)
}

function safe(value: number): number {
  return Number.isSafeInteger(value) ? value + 0 : notImplemented('an integer beyond 2^53')
}

const toDouble: Convert = (value) => {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return Number(value)
  if (value instanceof Date) return value.getTime()
  if (typeof value !== 'string') return unsupported(value, 'double')
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) {
    const result = Number(value)
    if (Number.isFinite(result)) return result
    return fail(
      'ConversionFailure',
      `Failed to parse number '${value}' in $convert with no onError value: Out of range`,
    )
  }
  if (/^[+-]?(0x|inf|nan)/i.test(value)) return notImplemented(`the text '${value}' as a number`)
  return fail('ConversionFailure', `Failed to parse number '${value}' in $convert with no onError value`)
}

const toText: Convert = (value) => {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof ObjectId) return value.toHexString()
  return value instanceof Date ? dateText(value) : unsupported(value, 'string')
}

const toDate: Convert = (value) => {
  if (value instanceof Date) return value
  if (value instanceof ObjectId) return value.getTimestamp()
  if (typeof value === 'string') return parseDate(value)
  if (typeof value !== 'number') return unsupported(value, 'date')
  // MongoDB converts 64-bit integers and doubles, and refuses 32-bit integers.
  if (Number.isInteger(value) && Math.abs(value) < 0x8000_0000)
    return notImplemented('a date from a number that may be a 32-bit integer')
  const date = new Date(Math.trunc(value))
  return Number.isNaN(date.getTime()) ? notImplemented('a date out of range') : date
}

const toObjectId: Convert = (value) => {
  if (value instanceof ObjectId) return value
  if (typeof value !== 'string') return unsupported(value, 'objectId')
  return (
    objectIdOf(value) ??
    fail('ConversionFailure', `Failed to parse objectId '${value}' in $convert with no onError value`)
  )
}

const toBool: Convert = (value) => {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return value !== 0
  if (['string', 'date', 'objectId'].includes(typeOf(value))) return true
  // The documentation of MongoDB 7.0 says true. That of earlier versions says that these cannot be converted.
  return notImplemented(`$toBool of the type ${typeOf(value)}`)
}

const targets: Record<string, Convert> = {
  int: whole('int', 2 ** 31),
  long: whole('long', 2 ** 63),
  double: toDouble,
  string: toText,
  date: toDate,
  objectId: toObjectId,
  bool: toBool,
}
const targetNumbers: Record<number, string> = {
  1: 'double',
  2: 'string',
  7: 'objectId',
  8: 'bool',
  9: 'date',
  16: 'int',
  18: 'long',
}

function shorthand(name: string, target: string): Operator {
  return over(name, 1, ([value]) => (isNullish(value) ? null : targets[target]!(value)))
}

const convert: Operator = (operand, context, compile) => {
  const specs = namedSpecs('$convert', operand, {
    notDocument: 'FailedToParse',
    unknown: 'FailedToParse',
    required: { input: 'FailedToParse', to: 'FailedToParse' },
    optional: ['onError', 'onNull'],
  })
  const part = (name: string): Expression | undefined =>
    specs[name] === undefined ? undefined : compile(specs[name], context)
  const [input, to, onError, onNull] = [part('input')!, part('to')!, part('onError'), part('onNull')]
  return (scope) => {
    const value = input(scope)
    const target = to(scope)
    if (isNullish(value)) return onNull === undefined ? null : onNull(scope)
    if (isNullish(target)) return null
    try {
      return targetOf(target)(value)
    } catch (error) {
      // `onError` is for failed conversions only. A refusal of this server stays an error.
      if (onError !== undefined && error instanceof CommandError && error.codeName === 'ConversionFailure')
        return onError(scope)
      throw error
    }
  }
}

function targetOf(target: Value): Convert {
  const name = typeof target === 'number' ? targetNumbers[target] : target
  if (typeof name === 'string' && Object.hasOwn(targets, name)) return targets[name]!
  return notImplemented(`$convert to ${String(target)}`)
}

/** Refused for numbers, because this server has only one numeric type. */
function type([value]: Maybe[]): Maybe {
  return typeof value === 'number' ? notImplemented('$type of a number') : typeName(value)
}

export const conversion: Record<string, Operator> = {
  $convert: convert,
  $toInt: shorthand('$toInt', 'int'),
  $toLong: shorthand('$toLong', 'long'),
  $toDouble: shorthand('$toDouble', 'double'),
  $toString: shorthand('$toString', 'string'),
  $toDate: shorthand('$toDate', 'date'),
  $toObjectId: shorthand('$toObjectId', 'objectId'),
  $toBool: shorthand('$toBool', 'bool'),
  $type: over('$type', 1, type),
  $isNumber: over('$isNumber', 1, ([value]) => typeof value === 'number'),
}
