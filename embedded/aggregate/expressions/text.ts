// Values as text, for operators that want a string, and dates and object ids from text.
import { ObjectId } from 'bson'
import { fail, notImplemented } from '../../errors.ts'
import type { Maybe } from '../../values.ts'
import { isNullish, typeName } from './arguments.ts'

/** An argument of a string operator. Null and missing are empty. */
export function asText(value: Maybe): string {
  if (isNullish(value)) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberText(value)
  if (value instanceof Date) return dateText(value)
  return fail('Location16007', `can't convert from BSON type ${typeName(value)} to String`)
}

/** Refuses numbers whose text depends on the numeric type in MongoDB. 32-bit integers and short fractions do not. */
export function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 0x8000_0000 && !Object.is(value, -0)) return String(value)
  const short = Number(value.toPrecision(6)) === value && Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6
  return short ? String(value) : notImplemented(`the number ${value} as text`)
}

export function dateText(date: Date): string {
  const year = date.getUTCFullYear()
  return year >= 0 && year <= 9999
    ? date.toISOString()
    : notImplemented('the text of a date before the year 0 or after 9999')
}

/** As in MongoDB, only ASCII letters change. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

export function asciiUpper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

export function objectIdOf(text: string): ObjectId | undefined {
  return /^[0-9a-fA-F]{24}$/.test(text) ? ObjectId.createFromHexString(text) : undefined
}

const iso = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/

/** Reads ISO 8601 only. MongoDB reads many more forms, and guesses. */
export function parseDate(text: string): Date {
  const parts = iso.exec(text)
  if (parts === null) {
    if (!/\d/.test(text)) return fail('ConversionFailure', `Error parsing date string '${text}'`)
    return notImplemented(`the date '${text}' in another form than ISO 8601`)
  }
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    ...[number, number, number, number, number, number],
  ]
  const local = new Date(0)
  local.setUTCFullYear(year, month - 1, day)
  local.setUTCHours(hour, minute, second, Number((parts[7] ?? '').padEnd(3, '0')))
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    return notImplemented(`the date '${text}', whose fields are out of range`)
  }
  return new Date(local.getTime() - offsetOf(parts[8] ?? 'Z'))
}

function offsetOf(text: string): number {
  if (text === 'Z') return 0
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(text)!
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}
