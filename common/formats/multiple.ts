// Whether one number is a multiple of another, as decimals: 19.99 is a multiple of 0.01, though no float is. A number of JSON is
// the decimal that it is written as, and JavaScript writes a float as the shortest decimal that it stands for.

import { parseDecimal } from '../../engine/targeting/decimal.ts'

/** A function that says of a number whether it is a multiple of `step`, which is above 0. */
export function multiplesOf(step: number): (value: number) => boolean {
  const of = scaled(step)
  return (value) => {
    if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0
    const { digits, power } = scaled(value)
    // 1999 x 10^-2 by 1 x 10^-2: both as whole numbers of the smaller power of ten.
    const least = Math.min(power, of.power)
    return (digits * 10n ** BigInt(power - least)) % (of.digits * 10n ** BigInt(of.power - least)) === 0n
  }
}

/** The number, whatever its sign, is `digits` x 10^`power`. */
function scaled(value: number): { digits: bigint; power: number } {
  const { digits, exponent } = parseDecimal(String(value))!
  return { digits: BigInt(digits), power: exponent - digits.length }
}
