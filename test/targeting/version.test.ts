import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compareVersions, formatVersion, parseVersion, type Version } from '../../engine/targeting/version.ts'

const version = (text: string): Version => {
  const parsed = parseVersion(text)
  if (!parsed) throw new Error(`${text} is no version`)
  return parsed
}
const compare = (a: string, b: string) => Math.sign(compareVersions(version(a), version(b)))

test.each([
  // The example of semver.org, section 11.
  [
    [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
    ],
  ],
  [['0', '0.0.0.1', '7.9', '8', '8.0.1', '8.1', '8.9', '8.10', '21.0.1180.89', '21.0.1180.100']],
  // Of words, capital letters come first; numbers come before all words, however long either is.
  [['1-0', '1-9', '1-10', '1-99999999999999999999', '1--', '1-A', '1-a', '1-a.0', '1-a-b']],
  [['9007199254740991', '9007199254740992', '9007199254740993', `1${'0'.repeat(200)}`, `1${'0'.repeat(199)}1`]],
])('versions have an order: %j', (ascending) => {
  for (const [left, a] of ascending.entries()) {
    for (const [right, b] of ascending.entries()) expect([a, b, compare(a, b)]).toEqual([a, b, Math.sign(left - right)])
  }
})

test.each([
  ['8', '8.0', '8.0.0', '8.0.0.0', 'v8', 'V8.0', '08.00', '8+5', '8.0.0+build.7-x'],
  ['0', '0.0', 'v0.0.0', '00'],
  ['8.1-beta.2', 'v8.1.0-beta.2', '8.01-beta.02+9'],
  ['21.0.1180.89', '21.0.1180.89.0', 'v21.0.1180.089'],
])('%s is written in many ways, and all are the same', (...spellings) => {
  for (const text of spellings) {
    expect([text, formatVersion(version(text))]).toEqual([text, spellings[0]])
    expect([text, compare(text, spellings[0]!)]).toEqual([text, 0])
  }
})

test.each([
  '',
  ' 8',
  '8 ',
  '8.',
  '.8',
  '8..1',
  '8.x',
  '8.1b2',
  'v',
  'vv8',
  'x',
  '-8',
  '8-',
  '8-a..b',
  '8-a.',
  '8+',
  '8-ä',
  '8\n',
  '٨',
])('%j is no version', (text) => {
  expect(parseVersion(text)).toBeUndefined()
})

test('a hostile text is refused in no time', () => {
  for (const text of [`${'1.'.repeat(100_000)}x`, `1-${'a.'.repeat(100_000)}`, `1-${'a'.repeat(100_000)}!`]) {
    expect(parseVersion(text)).toBeUndefined()
  }
})

const part = fc.oneof(fc.nat(12).map(String), fc.constantFrom('00', '01', '9007199254740993', '9007199254740992'))
const word = fc.constantFrom('a', 'B', 'rc', '-', '1a', '0', '2', '10')
const anyVersion = fc
  .tuple(fc.constantFrom('', 'v'), fc.array(part, { minLength: 1, maxLength: 4 }), fc.array(word, { maxLength: 3 }))
  .map(([v, parts, words]) => `${v}${parts.join('.')}${words.length > 0 ? `-${words.join('.')}` : ''}`)

test('the order is total, and the same for the same text', () => {
  fc.assert(
    fc.property(anyVersion, anyVersion, anyVersion, (a, b, c) => {
      expect(compare(a, b)).toBe(-compare(b, a) + 0)
      if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0)
      expect(compare(a, b) === 0).toBe(formatVersion(version(a)) === formatVersion(version(b)))
      expect(compare(a, formatVersion(version(a)))).toBe(0)
    }),
    { numRuns: 3000 },
  )
})
