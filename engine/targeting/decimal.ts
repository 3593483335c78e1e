// The rule for numbers: decimals as in JSON, with leading zeros allowed. They are compared exactly, with any number of digits, where a
// float would round 9007199254740993 to ...992. Hexadecimal, Infinity, spaces and empty text are not numbers.

/** The value is `sign` x 0.`digits` x 10^`exponent`. Each number has one form. Example: -12.5 is {sign: -1, digits: "125", exponent: 2}. */
export type Decimal = {
  sign: -1 | 0 | 1
  exponent: number
  /** Neither begins nor ends with 0; empty for 0. */
  digits: string
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/
const ZERO: Decimal = { sign: 0, exponent: 0, digits: '' }

/** Undefined: the text is not a number. */
export function parseDecimal(text: string): Decimal | undefined {
  const found = DECIMAL.exec(text)
  if (!found) return undefined
  const [, minus, whole, fraction = '', power = '0'] = found
  const all = whole! + fraction
  const start = all.search(/[1-9]/)
  if (start < 0) return ZERO
  let end = all.length
  while (all[end - 1] === '0') end -= 1
  return { sign: minus ? -1 : 1, exponent: whole!.length - start + Number(power), digits: all.slice(start, end) }
}

/** Below 0: `a` is less than `b`. 0: they are equal. Above 0: `a` is greater. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign
  if (a.exponent !== b.exponent) return a.sign * (a.exponent - b.exponent)
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -a.sign : a.sign
}
