// `Café` can be typed as four characters or as five. A constraint written in one way finds what an app sends in the other, and
// who the user is does not depend on it.

import { describe, expect, test } from '@jest/globals'
import { checkContext } from '../../common/command/context-input.ts'
import { readCapToken, writeCapToken } from '../../engine/decision/cap-token.ts'
import { capPeriodsOf } from '../../engine/decision/caps.ts'
import { bucketOf, rolloutCompiler } from '../../engine/decision/rollout.ts'
import { checkConstraint } from '../../engine/targeting/check-constraint.ts'
import { checkRollout } from '../../engine/targeting/check-rollout.ts'
import { compileConstraint } from '../../engine/targeting/compile-constraint.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { InlinedConstraint, RequestContext } from '../../engine/targeting/types.ts'

const SPELLINGS = ['Caf\u00e9', 'Cafe\u0301', ' Caf\u00e9\n', '\u00a0Cafe\u0301 ']

/** As it is written and stored, then compiled, and asked about a context as a node reads it. */
function matches(constraint: object, request: RequestContext): boolean {
  const checked = checkConstraint(constraint, 'constraint')
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors))
  return compileConstraint(checked.constraint as InlinedConstraint)(read(request))
}

const read = (request: RequestContext) => readContext(checkContext(request))

describe('a constraint in any spelling, about a request in any spelling', () => {
  const pairs = SPELLINGS.flatMap((written) => SPELLINGS.map((sent) => [written, sent] as const))

  test.each(pairs)('%j finds %j', (written, sent) => {
    const request = { tags: ['other', sent], channel: sent, network: sent, attributes: [{ name: 'x', values: [sent] }] }
    const ask = (dimension: string, operator: string, value: string, more: object = {}) =>
      matches({ dimension, operator, values: [value], ...more }, request)
    for (const dimension of ['tags', 'channel', 'network', 'attributes.x']) {
      for (const operator of ['IN', 'EQUALS', 'STARTS_WITH', 'ENDS_WITH', 'CONTAINS', 'MATCHES']) {
        expect([dimension, operator, ask(dimension, operator, written)]).toEqual([dimension, operator, true])
      }
      expect(ask(dimension, 'NOT_IN', written)).toBe(false)
      expect(ask(dimension, 'MATCHES', `^${written.trim()}$`)).toBe(true)
    }
    const shouted = written.toUpperCase()
    for (const operator of ['IN', 'EQUALS', 'STARTS_WITH', 'ENDS_WITH', 'CONTAINS', 'MATCHES']) {
      expect(ask('tags', operator, shouted)).toBe(false)
      expect([operator, ask('tags', operator, shouted, { caseInsensitive: true })]).toEqual([operator, true])
    }
    // The letter is é, in whatever way it was typed: it neither begins with e nor holds one.
    for (const operator of ['STARTS_WITH', 'CONTAINS']) expect(ask('tags', operator, 'Cafe')).toBe(false)
    expect(ask('tags', 'MATCHES', '^Caf.$')).toBe(true)
  })

  test('letter case is folded where only one of the cases has a character of its own', () => {
    const constraint = { dimension: 'tags', operator: 'IN', values: ['\u01f0'], caseInsensitive: true }
    expect(matches(constraint, { tags: ['J\u030c'] })).toBe(true)
  })

  test('versions, numbers, dates and codes are found with spaces around them', () => {
    const request = {
      appVersion: ' 8.1 ',
      region: 'CN-11 ',
      attributes: [{ name: 'n', values: [' 7', '2026-05-01 '] }],
    }
    expect(matches({ dimension: 'appVersion', operator: 'VERSION_EQ', values: ['8.1.0 '] }, request)).toBe(true)
    expect(matches({ dimension: 'region', operator: 'IN', values: [' CN'] }, request)).toBe(true)
    expect(matches({ dimension: 'attributes.n', operator: 'NUMBER_EQ', values: ['\t7.0'] }, request)).toBe(true)
    expect(matches({ dimension: 'attributes.n', operator: 'DATE_AFTER', values: [' 2026-04-01'] }, request)).toBe(true)
  })
})

describe('who a user is', () => {
  const users = SPELLINGS.map((userId) => read({ userId, attributes: [{ name: 'x', values: [userId] }] }))

  test('gives one order, whatever the spelling', () => {
    expect(new Set(users.map(({ key }) => key))).toEqual(new Set(['Caf\u00e9']))
    expect(new Set(users.map(({ keyHash }) => keyHash)).size).toBe(1)
  })

  test.each(['userId', 'attributes.x', null])('gives one place in a rollout that sticks to %s', (stickiness) => {
    for (const group of SPELLINGS) {
      const checked = checkRollout({ percentage: 50, stickiness, group }, 'rollout')
      if (!checked.ok) throw new Error(JSON.stringify(checked.errors))
      expect(checked.rollout.group).toBe('Caf\u00e9')
    }
    const rollout = rolloutCompiler()({ buckets: 5_000, stickiness, group: 'Caf\u00e9' })!
    expect(new Set(users.map((user) => bucketOf(rollout, user))).size).toBe(1)
  })

  test('owns a cap token, whatever the spelling', () => {
    const { counters } = readCapToken(null, users[0]!.key!, 0, capPeriodsOf('UTC'))
    const token = writeCapToken(counters, 0)
    for (const { key } of users) expect(readCapToken(token, key!, 0, capPeriodsOf('UTC')).outcome).toBe('read')
  })
})

describe('the context of a request', () => {
  test('is handed on as it is where its texts are plain, so that most requests copy nothing', () => {
    const request = { userId: 'ann', tags: ['a', 'b c'], attributes: [{ name: 'x', values: ['1'] }], capToken: null }
    expect(checkContext(request)).toBe(request)
  })

  test('is not changed where a copy has to be made', () => {
    const request = { userId: ' ann ', tags: ['a', 'e\u0301'], attributes: [{ name: 'x', values: [' 1'] }] }
    const before = structuredClone(request)
    expect(checkContext(request)).toEqual({
      userId: 'ann',
      tags: ['a', 'é'],
      attributes: [{ name: 'x', values: ['1'] }],
    })
    expect(request).toEqual(before)
  })

  test.each([
    [{ userId: 'a\u202eb' }, 'context.userId', 'U+202E'],
    [{ tags: ['a', '\ud800'] }, 'context.tags[1]', 'U+D800'],
    [{ attributes: [{ name: 'x', values: ['a\0'] }] }, 'context.attributes[0].values[0]', 'U+0000'],
  ])('%j is refused by its path and code point', (request, path, codePoint) => {
    const refusal = {
      code: 'BAD_USER_INPUT',
      extensions: expect.objectContaining({ path }),
      message: expect.stringContaining(codePoint),
    }
    expect(() => checkContext(request)).toThrow(expect.objectContaining(refusal))
  })

  test('counts the length of its texts in code points', () => {
    expect(checkContext({ userId: '😀'.repeat(256) }).userId).toHaveLength(512)
    expect(() => checkContext({ userId: '😀'.repeat(257) })).toThrow('at most 256 characters, not 257')
  })
})
