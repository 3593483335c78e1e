// What values are as text, wherever a string is wanted and something else is given.
import { ObjectId } from 'bson'
import { fail, notImplemented } from '../../errors.ts'
import type { Maybe } from '../../values.ts'
import { isNullish, typeName } from './arguments.ts'

/** As string operators take their arguments: null and missing are empty. */
export function asText(value: Maybe): string {
  if (isNullish(value)) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return numberText(value)
  if (value instanceof Date) return dateText(value)
  return fail('Location16007', `can't convert from BSON type ${typeName(value)} to String`)
}

/** 32-bit integers and short fractions read the same whatever numeric type MongoDB keeps them in; others do not. */
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

/** ASCII letters only: MongoDB leaves all others as they are. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

export function asciiUpper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

export function objectIdOf(text: string): ObjectId | undefined {
  return /^[0-9a-fA-F]{24}$/.test(text) ? ObjectId.createFromHexString(text) : undefined
}
