import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cutText, isLonger, isPlain, lengthOf, quoteText, readText, type TextKind } from '../../engine/text.ts'

const KINDS: readonly TextKind[] = ['line', 'lines', 'actor', 'data']
const FAMILY = '👨‍👩‍👧'

/** The text as it is stored; throws when it is refused. */
function stored(text: string, kind: TextKind = 'line'): string {
  const read = readText(text, kind)
  if (read.mistake !== undefined) throw new Error(read.mistake)
  return read.text
}

const mistake = (text: string, kind: TextKind = 'line') => readText(text, kind).mistake

describe('text that comes in', () => {
  test('is stored unchanged when it is plain', () => {
    for (const kind of KINDS)
      for (const text of ['', 'a', 'It will rain', '~!@#']) expect(stored(text, kind)).toBe(text)
  })

  test('has one spelling, also when accents were typed as separate characters', () => {
    for (const kind of KINDS) expect(stored('Cafe\u0301', kind)).toBe('Caf\u00e9')
  })

  test('is trimmed, except in free data', () => {
    expect(stored(' \t\u00a0a b\u3000\n')).toBe('a b')
    expect(stored('  ')).toBe('')
    expect(stored('\n a\n\n b \n', 'lines')).toBe('a\n\n b')
    expect(stored('  ann ', 'actor')).toBe('ann')
    expect(stored(' a ', 'data')).toBe(' a ')
    expect(stored(' ', 'data')).toBe(' ')
  })

  test('may contain what people write: emoji of several parts, marks of right-to-left text, joiners', () => {
    for (const text of [FAMILY, '\u05e9\u05dc\u05d5\u05dd\u200f!', 'می\u200cخواهم', '❤️']) {
      expect(stored(text)).toBe(text.normalize())
    }
  })

  test.each([
    ['half of a character', 'a\ud83d', 'U+D83D'],
    ['the other half', '\ude00a', 'U+DE00'],
    ['a NUL', 'a\0b', 'U+0000'],
    ['a control character', 'a\u0007b', 'U+0007'],
    ['a control character of Latin-1', 'a\u0085b', 'U+0085'],
    ['an override', 'a\u202eb', 'U+202E'],
    ['an embedding', 'a\u202ab', 'U+202A'],
    ['an isolate', 'a\u2066b', 'U+2066'],
    ['more combining marks than any writing has', `a${'\u0301\u0323'.repeat(16)}`, 'more than 30'],
  ])('with %s is refused, whatever it is for', (_, text, named) => {
    for (const kind of KINDS) expect(mistake(text, kind)).toContain(named)
  })

  test.each(['a\nb', 'a\rb', 'a\tb', 'a\u2028b'])('of one line is refused with %j in it', (text) => {
    for (const kind of ['line', 'actor'] as const) expect(mistake(text, kind)).toMatch(/^must not contain U\+/)
  })

  test('of several lines may contain tabs, and has one spelling of line breaks', () => {
    expect(stored('a\r\nb\rc\u2028d\u2029\te', 'lines')).toBe('a\nb\nc\nd\n\te')
    expect(stored('a\r\nb', 'data')).toBe('a\r\nb')
  })

  test.each(['\u200b', '\u3164', '\u2800', ' \u200d ', '\ufe0f', '\u{e0061}'])(
    'of nothing but %j is refused',
    (text) => {
      for (const kind of ['line', 'lines', 'actor'] as const) expect(mistake(text, kind)).toMatch(/something visible/)
    },
  )

  test.each([
    'ann\u200b',
    'a\u00adnn',
    'ann\u200e',
    'ann\ufe0f',
    'ann\u00a0lee',
    'ann\n',
    'ann\ufffd',
    'ann\ue000',
    'ann\u0378',
    'ann\uffff',
  ])('that says who somebody is, is refused where another could look the same: %j', (text) => {
    expect(mistake(text, 'actor')).toMatch(/^must not contain U\+/)
  })

  test('is read in time linear in its length, for any number of stacked marks', () => {
    const before = process.cpuUsage()
    for (const kind of KINDS) mistake(`a${'\u0301\u0323'.repeat(200_000)}`, kind)
    const { user, system } = process.cpuUsage(before)
    // Putting so many in order takes 26 s.
    expect((user + system) / 1_000).toBeLessThan(3_000)
  })

  test('does not change when it is read again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...KINDS), (text, kind) => {
        const read = readText(text, kind)
        if (read.mistake !== undefined) return
        expect(readText(read.text, kind)).toEqual(read)
        expect(read.text.isWellFormed() && read.text === read.text.normalize()).toBe(true)
        if (isPlain(text)) expect(read.text).toBe(text)
      }),
    )
  })
})

describe('the length of text', () => {
  test('is counted in code points', () => {
    expect(lengthOf('😀'.repeat(200))).toBe(200)
    expect(isLonger('😀'.repeat(200), 200)).toBe(false)
    expect(isLonger('😀'.repeat(201), 200)).toBe(true)
  })

  test('is cut where a character ends', () => {
    expect(cutText('abc', 3)).toBe('abc')
    expect(cutText('😀😀😀', 2)).toBe('😀😀')
    expect(cutText(`a${FAMILY}b`, 5)).toBe('a')
    expect(cutText(`a${FAMILY}b`, 6)).toBe(`a${FAMILY}`)
    expect(lengthOf(cutText('\u200d😀'.repeat(50), 7))).toBeLessThanOrEqual(7)
  })
})

test('text in a message shows its invisible characters', () => {
  expect(quoteText('a\u202e"\u200b\ud800')).toBe('"a\\u{202e}\\"\\u{200b}\\ud800"')
})
