import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compareDecimals, parseDecimal } from '../../engine/targeting/decimal.ts'

function compare(a: string, b: string): number {
  const [left, right] = [parseDecimal(a), parseDecimal(b)]
  if (!left || !right) throw new Error(`${a} or ${b} is no number`)
  return Math.sign(compareDecimals(left, right))
}

test('numbers have an order, exact however many digits they have', () => {
  const ascending = [
    '-1e300',
    '-9007199254740993',
    '-9007199254740992',
    '-10',
    '-9.5',
    '-1e-400',
    '0',
    '1e-400',
    '0.0999999999999999999999',
    '0.1',
    '0.10000000000000000001',
    '9.99',
    '10',
    '100',
    '9007199254740992',
    '9007199254740992.5',
    '9007199254740993',
    '1e300',
    '1e400',
    `1${'0'.repeat(400)}1`,
  ]
  for (const [left, a] of ascending.entries()) {
    for (const [right, b] of ascending.entries()) expect([a, b, compare(a, b)]).toEqual([a, b, Math.sign(left - right)])
  }
})

test.each([
  ['0', '-0', '0.0', '00', '0e9', '-0.00e-5'],
  ['100', '1e2', '1E+2', '100.00', '0100', '0.1e3', '10000e-2'],
  ['-0.5', '-5e-1', '-00.50'],
])('%s is written in many ways, and all are the same', (...spellings) => {
  for (const text of spellings) expect([text, parseDecimal(text)]).toEqual([text, parseDecimal(spellings[0]!)])
})

test.each([
  '',
  ' ',
  '1 ',
  ' 1',
  '+1',
  '.5',
  '5.',
  '-',
  '1e',
  '1e1.5',
  '0x10',
  'Infinity',
  '-Infinity',
  'NaN',
  '1,5',
  '1_000',
  '٣',
  '1\n',
  '--1',
  '1e1234567890',
])('%j is no number', (text) => {
  expect(parseDecimal(text)).toBeUndefined()
})

test('agrees with floats wherever those are exact', () => {
  const exact = fc.tuple(fc.integer(), fc.nat(4)).map(([whole, power]) => whole / 2 ** power)
  fc.assert(
    fc.property(exact, exact, (a, b) => {
      expect(compare(String(a), String(b)) + 0).toBe(Math.sign(a - b) + 0)
    }),
    { numRuns: 2000 },
  )
})
