// Rounding to a decimal place, half to even. MongoDB goes through decimal numbers to do it; where the digits that a
// binary fraction is written with, and its exact value, would round to different sides, the answer is refused.
import { notImplemented } from '../../errors.ts'

/** `places` decimal places after the point, or before it where negative; cut off instead of rounded if `truncate`. */
export function rounded(value: number, places: number, truncate: boolean): number {
  if (!Number.isFinite(value) || (Number.isInteger(value) && places >= 0)) return value
  const written = roundDecimal(value.toPrecision(15), places, truncate)
  const exact = roundDecimal(exactDecimal(value), places, truncate)
  if (written !== exact) return notImplemented('rounding a number that its binary form puts beside a boundary')
  return written
}

/** All digits of a double; no double of magnitude under 2^53 and over 2^-60 or so needs more. */
function exactDecimal(value: number): string {
  return value.toFixed(100)
}

/** Rounds decimal notation (with or without exponent). */
function roundDecimal(text: string, places: number, truncate: boolean): number {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)!
  const digits = whole! + fraction
  // The value is 0.digits x 10^point; `keep` digits of it stay.
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
