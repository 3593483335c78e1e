import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_TOKEN, readCapToken, writeCapToken } from '../../engine/decision/cap-token.ts'
import {
  type CapCounters,
  capPeriodsOf,
  compileCaps,
  count,
  MAX_PERIOD_MS,
  MAX_TIMES,
} from '../../engine/decision/caps.ts'
import { DAY_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { nothingServed } from '../support/plain-caps.ts'

const NOON = Date.UTC(2026, 4, 1, 12)
/** How many counters a token has room for. */
const ROOM = 117

/** Counters as they may be at NOON: what lasts for ever, or ends at a full minute in reach. */
const someCounters = fc
  .uniqueArray(
    fc.record({
      id: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      endsAt: fc.oneof(
        fc.constant(Number.POSITIVE_INFINITY),
        fc.integer({ min: 1, max: (2 * MAX_PERIOD_MS) / MINUTE_MS }).map((minutes) => NOON + minutes * MINUTE_MS),
      ),
      times: fc.integer({ min: 1, max: MAX_TIMES }),
    }),
    { selector: ({ id }) => id, maxLength: ROOM },
  )
  .map((list) => counters(list.map(({ id, endsAt, times }) => [id, { endsAt, times }])))

function counters(lines: Iterable<[number, { endsAt: number; times: number }]> = []): CapCounters {
  const { owner } = readCapToken(null, 'ann', NOON, capPeriodsOf('UTC')).counters
  return { ...nothingServed('UTC', owner), byId: new Map(lines) }
}

const read = (token: string, key = 'ann', now = NOON) => readCapToken(token, key, now, capPeriodsOf('UTC'))
const TOKEN = tokenOf(...[1, 2, 3].map((day) => `sch_${day}`))

/** A token of a user who was served these, each once a day, in this order. */
function tokenOf(...schedules: string[]): string {
  const seen = counters()
  for (const id of schedules) count(seen, compileCaps(id, [{ count: 1, every: 1, unit: 'DAY' }])!, NOON)
  return writeCapToken(seen, NOON)
}

describe('A cap token', () => {
  test('is read as it was written, in the same order', () => {
    fc.assert(
      fc.property(someCounters, (seen) => {
        const token = writeCapToken(seen, NOON)
        expect(token.length).toBeLessThanOrEqual(MAX_TOKEN)
        const { counters, outcome } = read(token)
        expect(outcome).toBe('read')
        expect([...counters.byId]).toEqual([...seen.byId])
        expect(writeCapToken(counters, NOON)).toBe(token)
      }),
      { numRuns: 1_000 },
    )
  })

  test('of whom nothing was counted of is a token all the same', () => {
    expect(read(writeCapToken(counters(), NOON))).toEqual({ counters: counters(), outcome: 'read' })
  })

  test.each([undefined, null, ''])('that is %p is missing: nothing was seen', (token) => {
    expect(readCapToken(token, 'ann', NOON, capPeriodsOf('UTC'))).toEqual({ counters: counters(), outcome: 'missing' })
  })

  test('of another user is ignored', () => {
    const { counters, outcome } = read(TOKEN, 'bob')
    expect(outcome).toBe('foreign')
    expect(counters.byId.size).toBe(0)
  })

  test('has room for 117 counters in 2 KB: those counted longest ago go first', () => {
    const names = Array.from({ length: ROOM + 3 }, (_, index) => `sch_${index}`)
    const token = tokenOf(...names)
    expect(token.length).toBeLessThanOrEqual(MAX_TOKEN)
    expect(token).toBe(tokenOf(...names.slice(3)))
    // Counted once more, the first is the newest.
    expect(tokenOf(...names, names[3]!)).toBe(tokenOf(...names.slice(4), names[3]!, names[3]!))
  })

  test('lets go of what has ended when it is written, and when it is read', () => {
    const end = NOON + DAY_MS / 2
    expect(read(TOKEN, 'ann', end - 1).counters.byId.size).toBe(3)
    expect(read(TOKEN, 'ann', end)).toEqual({ counters: counters(), outcome: 'read' })
    expect(writeCapToken(read(TOKEN).counters, end)).toBe(writeCapToken(counters(), end))
  })

  test.each([
    ['of a version that is not known', (bytes: Buffer) => bytes.fill(2, 0, 1)],
    ['that ends early', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['of less than its head', (bytes: Buffer) => bytes.subarray(0, 6)],
    ['that goes on behind its end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)])],
    ['with a counter that never counted', (bytes: Buffer) => bytes.fill(0, bytes.length - 3)],
    ['with a counter beyond the highest cap', (bytes: Buffer) => bytes.fill(255, bytes.length - 3)],
    ['with a counter twice', (bytes: Buffer) => Buffer.concat([bytes, bytes.subarray(-13)])],
    ['with nothing in it', () => Buffer.from('AA', 'base64url')],
  ])('%s is malformed', (_, change) => {
    const token = change(Buffer.from(TOKEN, 'base64url')).toString('base64url')
    expect(read(token)).toEqual({ counters: counters(), outcome: 'malformed' })
  })

  test.each([
    ['padding', `${TOKEN}=`],
    ['a space', ` ${TOKEN}`],
    ['the letters of other base64', TOKEN.replace(/.$/, '+')],
    ['more than 2 KB', 'A'.repeat(MAX_TOKEN + 1)],
    ['free text', 'alkaid'],
    ['other letters', '\u{1F6AB}'],
  ])('is to the letter what was written: with %s it is malformed', (_, token) => {
    expect(read(token).outcome).toBe('malformed')
  })

  test('holds no counter that ends further off than any cap can', () => {
    const reach = NOON + 2 * MAX_PERIOD_MS
    const lines: [number, { endsAt: number; times: number }][] = [
      [1, { endsAt: reach, times: 1 }],
      [2, { endsAt: reach + MINUTE_MS, times: 1 }],
    ]
    expect([...read(writeCapToken(counters(lines), NOON)).counters.byId.keys()]).toEqual([1])
  })

  test('may be changed at will: it is ignored, or it holds counters that can be, of the same user', () => {
    const changed = fc
      .tuple(
        someCounters,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1 }),
        fc.integer(),
      )
      .map(([seen, changes, cut]) => {
        const bytes = Buffer.from(writeCapToken(seen, NOON), 'base64url')
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        return bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length).toString('base64url')
      })
    fc.assert(
      fc.property(fc.oneof(changed, fc.string(), fc.string({ unit: 'binary' }), fc.base64String()), holdsWhatCanBe),
      {
        numRuns: 10_000,
      },
    )
  })

  function holdsWhatCanBe(token: string): void {
    const { counters, outcome } = read(token)
    expect(counters.owner).toBe(read(TOKEN).counters.owner)
    expect(counters.byId.size).toBeLessThanOrEqual(outcome === 'read' ? ROOM : 0)
    for (const { endsAt, times } of counters.byId.values()) {
      expect(times >= 1 && times <= MAX_TIMES).toBe(true)
      expect(endsAt > NOON && (endsAt === Number.POSITIVE_INFINITY || endsAt <= NOON + 2 * MAX_PERIOD_MS)).toBe(true)
    }
    const again = writeCapToken(counters, NOON)
    expect(again.length).toBeLessThanOrEqual(MAX_TOKEN)
    expect(read(again)).toEqual({ counters, outcome: 'read' })
  }
})
