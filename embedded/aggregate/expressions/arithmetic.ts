// Arithmetic. Null and missing give null. Other values than numbers (and dates, where they make sense) are errors.
// Integers are exact, as in MongoDB. JavaScript numbers cannot hold integers beyond 2^53, so those are refused.
import { type CodeName, fail, notImplemented } from '../../errors.ts'
import type { Maybe } from '../../values.ts'
import type { Operator } from '../context.ts'
import { isNullish, over, typeName } from './arguments.ts'

function numeric(name: string, value: Maybe, code: CodeName = 'TypeMismatch'): number {
  return typeof value === 'number' ? value : fail(code, `${name} only supports numeric types, not ${typeName(value)}`)
}

function add(values: Maybe[]): Maybe {
  let date: Date | undefined
  const sum = new Sum()
  for (const value of values) {
    if (isNullish(value)) return null
    if (!(value instanceof Date)) sum.add(numeric('$add', value))
    else if (date === undefined) date = value
    else fail('Location16612', 'only one date allowed in an $add expression')
  }
  return date === undefined ? sum.value() : moved(date, sum.value())
}

function subtract([a, b]: Maybe[]): Maybe {
  if (isNullish(a) || isNullish(b)) return null
  if (a instanceof Date) return b instanceof Date ? a.getTime() - b.getTime() : moved(a, -numeric('$subtract', b))
  return exact(numeric('$subtract', a), numeric('$subtract', b), (x, y) => x - y)
}

function moved(date: Date, by: number): Date {
  if (!Number.isInteger(by)) return notImplemented('a date moved by a fraction of a millisecond')
  const result = new Date(date.getTime() + by)
  return Number.isNaN(result.getTime()) ? notImplemented('a date out of range') : result
}

function multiply(values: Maybe[]): Maybe {
  let product = 1
  for (const value of values) {
    if (isNullish(value)) return null
    product = exact(product, numeric('$multiply', value), (x, y) => x * y)
  }
  return product
}

function exact(a: number, b: number, operate: (a: number, b: number) => number): number {
  const result = operate(a, b)
  if (!Number.isInteger(a) || !Number.isInteger(b)) return result
  // An integer has no negative zero.
  return Number.isSafeInteger(result) ? result + 0 : notImplemented('an integer beyond 2^53')
}

function divide([a, b]: Maybe[]): Maybe {
  if (isNullish(a) || isNullish(b)) return null
  const [left, right] = [numeric('$divide', a), numeric('$divide', b)]
  return right === 0 ? fail('BadValue', "can't $divide by zero") : left / right
}

function modulo([a, b]: Maybe[]): Maybe {
  if (isNullish(a) || isNullish(b)) return null
  const [left, right] = [numeric('$mod', a, 'Location16611'), numeric('$mod', b, 'Location16611')]
  return right === 0 ? fail('Location16610', "can't $mod by zero") : exact(left, right, (x, y) => x % y)
}

function unary(name: string, operate: (value: number) => number): Operator {
  return over(name, 1, ([value]) => (isNullish(value) ? null : operate(numeric(name, value, 'Location28765'))))
}

function rounding(name: '$round' | '$trunc'): Operator {
  return over(name, [1, 2], (values) => {
    const [value, place] = values
    if (isNullish(value) || (values.length > 1 && isNullish(place))) return null
    const number = numeric(name, value, 'Location51081')
    const digits = values.length > 1 ? place : 0
    if (typeof digits !== 'number' || !Number.isInteger(digits)) {
      return fail('Location51082', `precision argument to ${name} must be an integral value`)
    }
    if (digits < -20 || digits > 100)
      fail('Location51083', `cannot apply ${name} with precision value ${digits} value must be in [-20, 100]`)
    return rounded(number, digits, name === '$trunc')
  })
}

export const arithmetic: Record<string, Operator> = {
  $add: over('$add', undefined, add),
  $subtract: over('$subtract', 2, subtract),
  $multiply: over('$multiply', undefined, multiply),
  $divide: over('$divide', 2, divide),
  $mod: over('$mod', 2, modulo),
  $abs: unary('$abs', Math.abs),
  $ceil: unary('$ceil', Math.ceil),
  $floor: unary('$floor', Math.floor),
  $round: rounding('$round'),
  $trunc: rounding('$trunc'),
}

/** A sum in double-double precision, as in MongoDB, so that the order of the addends hardly matters. */
export class Sum {
  private high = 0
  private low = 0
  private special: number | undefined
  private integers = true

  add(value: number): void {
    if (!Number.isFinite(value)) {
      this.special = (this.special ?? 0) + value
      return
    }
    if (!Number.isInteger(value)) this.integers = false
    // Two-sum (Knuth): `error` is exactly what the rounding of the sum lost.
    const sum = this.high + value
    const part = sum - this.high
    const error = this.high - (sum - part) + (value - part)
    this.high = sum
    this.low += error
  }

  value(): number {
    if (this.special !== undefined) return this.special
    const total = this.high + this.low
    if (this.integers && !Number.isSafeInteger(total)) return notImplemented('a sum of integers beyond 2^53')
    return total
  }
}

/**
 * Rounds to `places` decimal places, half to even, or cuts off if `truncate`. Negative places stand before the point:
 * rounded(1250, -2) is 1200. MongoDB rounds decimal numbers. A binary fraction can lie on the other side of a boundary
 * than its decimal form, and then the result is refused.
 */
export function rounded(value: number, places: number, truncate: boolean): number {
  if (!Number.isFinite(value) || (Number.isInteger(value) && places >= 0)) return value
  const written = roundDecimal(value.toPrecision(15), places, truncate)
  const exact = roundDecimal(exactDecimal(value), places, truncate)
  if (written !== exact) return notImplemented('rounding a number that its binary form puts beside a boundary')
  return written
}

/** All digits of a double. 100 are enough for magnitudes between about 2^-60 and 2^53. */
function exactDecimal(value: number): string {
  return value.toFixed(100)
}

/** Rounds a number in decimal notation, with or without an exponent. */
function roundDecimal(text: string, places: number, truncate: boolean): number {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)!
  const digits = whole! + fraction
  // The value is 0.digits x 10^point. The first `keep` digits stay.
  const point = whole!.length + Number(exponent)
  const keep = point + places
  if (keep < 0) return sign === '-' ? -0 : 0
  const kept = digits.slice(0, keep).padEnd(keep, '0')
  const rest = digits.slice(keep)
  let result = BigInt(kept === '' ? '0' : kept)
  if (!truncate && roundsUp(rest, result)) result += 1n
  return Number(`${sign}${result}e${-places}`)
}

function roundsUp(rest: string, kept: bigint): boolean {
  if (rest === '' || rest[0]! < '5') return false
  return rest[0]! > '5' || /[1-9]/.test(rest.slice(1)) || kept % 2n === 1n
}
