// The one rule for numbers: decimal as in JSON, leading zeros allowed, compared exactly, however many digits they
// have (a float would take 9007199254740993 for ...992). No hexadecimal, no Infinity, no spaces, no empty text.

/** `sign` x 0.`digits` x 10^`exponent`. Each number has one form. */
export type Decimal = {
  sign: -1 | 0 | 1
  exponent: number
  /** Neither begins nor ends with 0; empty for 0. */
  digits: string
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/
const ZERO: Decimal = { sign: 0, exponent: 0, digits: '' }

/** Undefined when the text is no number. */
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

/** Below 0, 0 or above 0, as `a` is less than, equal to or greater than `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign
  if (a.exponent !== b.exponent) return a.sign * (a.exponent - b.exponent)
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -a.sign : a.sign
}
