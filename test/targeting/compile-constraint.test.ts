import { describe, expect, test } from '@jest/globals'
import { checkConstraint } from '../../engine/targeting/check-constraint.ts'
import { compileConstraint } from '../../engine/targeting/compile-constraint.ts'
import { readContext } from '../../engine/targeting/context.ts'
import { ContextValues } from '../../engine/targeting/context-values.ts'
import { describeDimensions, findDimension } from '../../engine/targeting/dimensions.ts'
import { exactText } from '../../engine/targeting/kinds.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import type { InlinedConstraint, Operator, RequestContext } from '../../engine/targeting/types.ts'

const matches = (constraint: InlinedConstraint, context: RequestContext) =>
  compileConstraint(constraint)(readContext(context))
const compare = (operator: Operator, ...values: string[]): InlinedConstraint => ({
  dimension: 'tags',
  operator,
  values,
})

describe('a comparison', () => {
  const user: RequestContext = { tags: ['new', 'vip'] }

  test('IN matches when any value held is listed', () => {
    expect(matches(compare('IN', 'old', 'vip'), user)).toBe(true)
    expect(matches(compare('IN', 'old'), user)).toBe(false)
    expect(matches(compare('IN'), user)).toBe(false)
  })

  test('EQUALS matches when any value held is the one, exactly', () => {
    expect(matches(compare('EQUALS', 'vip'), user)).toBe(true)
    expect(matches(compare('EQUALS', 'VIP'), user)).toBe(false)
  })

  test('NOT_IN matches only when none of the values held is listed', () => {
    expect(matches(compare('NOT_IN', 'old'), user)).toBe(true)
    expect(matches(compare('NOT_IN', 'vip'), user)).toBe(false)
    expect(matches(compare('NOT_IN'), user)).toBe(true)
  })

  test.each<[string, RequestContext]>([
    ['absent', {}],
    ['null', { tags: null, attributes: null }],
    ['empty', { tags: [], attributes: [{ name: 'plan', values: [] }] }],
  ])('of a missing dimension (%s) is false, and true for NOT_IN', (_, context) => {
    for (const dimension of ['tags', 'attributes.plan']) {
      expect(matches({ dimension, operator: 'IN', values: ['a'] }, context)).toBe(false)
      expect(matches({ dimension, operator: 'EQUALS', values: ['a'] }, context)).toBe(false)
      expect(matches({ dimension, operator: 'NOT_IN', values: ['a'] }, context)).toBe(true)
    }
  })

  test.each<[string, keyof RequestContext, string]>([
    ['an unreadable version', 'appVersion', '8.x'],
    ['an unreadable region', 'region', 'China'],
    ['an unreadable language', 'language', 'zh--CN'],
    ['empty text', 'channel', ''],
  ])('of %s is as of a missing dimension', (_, dimension, held) => {
    const values = dimension === 'appVersion' ? ['8.1'] : ['zh']
    const asks = (operator: Operator) => matches({ dimension, operator, values }, { [dimension]: held })
    expect([asks('IN'), asks('EQUALS'), asks('NOT_IN')]).toEqual([false, false, true])
  })

  test('of a free attribute reads that attribute, and all values when it is sent twice', () => {
    const context = {
      attributes: [
        { name: 'plan', values: ['free'] },
        { name: 'zone', values: ['eu'] },
        { name: 'plan', values: ['trial'] },
      ],
    }
    const plan = (value: string): InlinedConstraint => ({
      dimension: 'attributes.plan',
      operator: 'EQUALS',
      values: [value],
    })
    expect(matches(plan('free'), context)).toBe(true)
    expect(matches(plan('trial'), context)).toBe(true)
    expect(matches(plan('eu'), context)).toBe(false)
  })

  test('with an operator or dimension of a later version is not compiled', () => {
    expect(() => compileConstraint(compare('LIKE' as Operator, 'a'))).toThrow('unknown dimension or operator tags LIKE')
    expect(() => compileConstraint({ dimension: 'moon', operator: 'IN', values: [] })).toThrow(
      'unknown dimension or operator moon IN',
    )
  })

  test('with a value that this version cannot read is not compiled', () => {
    for (const operator of ['IN', 'VERSION_LT', 'VERSION_BETWEEN'] as const) {
      const values = ['8.x', '9']
      expect(() => compileConstraint({ dimension: 'appVersion', operator, values })).toThrow(
        'cannot read the value 8.x',
      )
    }
    expect(() => compileConstraint(compare('MATCHES', '(a'))).toThrow('cannot read the pattern (a')
  })
})

/** dimension, operator, values; then values of a request that match, and values that do not. */
const CASES: [string, Operator, string[], string[], string[]][] = [
  ['platform', 'IN', ['iOS'], ['ios', 'IOS'], ['ipados', 'ios ']],
  ['platform', 'NOT_IN', ['iOS', 'web'], ['android'], ['IOS', 'WEB']],
  ['network', 'IN', ['WiFi', 'ethernet'], ['wifi', 'WIFI', 'Ethernet'], ['cellular', 'wi-fi', '']],
  ['channel', 'EQUALS', ['AppStore'], ['AppStore'], ['appstore']],
  ['region', 'IN', ['CN'], ['CN', 'cn', 'CN-11', 'cn_11', 'CN-11-2'], ['CNX', 'C', 'TW', 'X-CN']],
  ['region', 'IN', ['us', 'cn-11'], ['CN-11', 'US-CA'], ['CN', 'CN-1', 'CN-110', 'CN-12']],
  ['region', 'EQUALS', ['CN'], ['CN', 'CN-11'], ['HK']],
  ['region', 'NOT_IN', ['CN'], ['CNX', 'HK'], ['CN', 'CN-11']],
  ['language', 'IN', ['zh'], ['zh', 'zh-Hans-CN', 'ZH-hant', 'zh_CN'], ['zho', 'en']],
  ['language', 'IN', ['zh-Hans'], ['zh-Hans', 'zh_hans_CN'], ['zh', 'zh-CN', 'zh-Hant']],
  ['language', 'NOT_IN', ['zh-Hans'], ['zh', 'zh-Hant-TW'], ['zh-hans-cn']],
  ['appVersion', 'IN', ['8.1', '9'], ['8.1.0', 'v8.01', '9.0+7'], ['8.1.1', '8.1-rc', '8']],
  ['appVersion', 'NOT_IN', ['8.1'], ['8.2', '8.1-rc'], ['8.1.0']],
  ['appVersion', 'EQUALS', ['8'], ['8.0.0.0'], ['8.0.0.1']],
  ['appVersion', 'VERSION_EQ', ['8.1-rc.1'], ['8.1.0-rc.01'], ['8.1', '8.1-rc']],
  ['appVersion', 'VERSION_LT', ['8.1'], ['8.0.9', '8.1-rc', '8.1.0-0'], ['8.1.0', '8.10', 'x', '']],
  ['appVersion', 'VERSION_LTE', ['8.1'], ['8.1.0', '8'], ['8.1.0.1', '9']],
  ['osVersion', 'VERSION_GT', ['21.0.1180.89'], ['21.0.1180.100', '22-beta'], ['21.0.1180.89', '21.0.1180', '3']],
  ['osVersion', 'VERSION_GTE', ['17'], ['17', '17.0.1', 'v18'], ['17-beta', '16.99']],
  ['attributes.x', 'NUMBER_EQ', ['2.5'], ['2.50', '25e-1', '02.5'], ['2,5', '2.51', '']],
  ['attributes.x', 'NUMBER_LT', ['10'], ['9', '-11', '9.999999999999999999999'], ['10', '10.0', '0x1', '-Infinity']],
  ['attributes.x', 'NUMBER_LTE', ['10'], ['10.00', '9'], ['10.000000000000000000001', 'NaN']],
  ['attributes.x', 'NUMBER_GT', ['9007199254740992'], ['9007199254740993'], ['9007199254740992', '9']],
  ['attributes.x', 'NUMBER_GTE', ['-1'], ['-1', '0', '1e999'], ['-1.5', '-1e999', ' 1']],
  ['attributes.x', 'NUMBER_BETWEEN', ['-1', '2.5'], ['-1.0', '0', '25e-1'], ['-1.01', '2.51', 'x', '']],
  ['attributes.x', 'NUMBER_BETWEEN', ['7', '7.0'], ['07'], ['6.9', '7.1']],
  ['attributes.x', 'VERSION_GT', ['1.9'], ['1.10'], ['1.9', 'one']],
  ['osVersion', 'VERSION_BETWEEN', ['16', '17.2'], ['16', '17', '17.2.0', '17-beta'], ['16-beta', '17.2.1', '18', '']],
  ['attributes.x', 'DATE_BEFORE', ['2026-05-01'], ['2026-04-30', '2026-05-01T00:00+00:01'], ['2026-05-01', 'May']],
  ['attributes.x', 'DATE_AFTER', ['2026-05-01T08:00+08:00'], ['2026-05-01T00:00:00.001Z'], ['2026-05-01', '2026']],
  ['platform', 'STARTS_WITH', ['IP', 'win'], ['ipados', 'iPhone', 'Windows'], ['ios', ' ip', '']],
  ['channel', 'STARTS_WITH', ['App'], ['AppStore', 'App'], ['appstore', 'MyApp', 'Ap', '']],
  ['channel', 'ENDS_WITH', ['Store', '.cn'], ['AppStore', 'Store', 'a.cn'], ['store', 'Stores', 'cn']],
  ['channel', 'CONTAINS', ['or', '.'], ['AppStore', '.'], ['APPSTORE', '']],
  ['channel', 'MATCHES', ['^camp-\\d{2,3}$'], ['camp-12', 'camp-123'], ['camp-1', 'camp-1234', 'xcamp-12', 'CAMP-12']],
  ['channel', 'MATCHES', ['(?i)b+|é'], ['abba', 'B', 'É'], ['a', 'e', '']],
  ['platform', 'MATCHES', ['^I.*s$'], ['ios', 'IPADOS'], ['tvos']],
  ['region', 'EXISTS', [], ['CN', 'cn-11'], ['China', 'C', '']],
  ['appVersion', 'EXISTS', [], ['8', 'v8.1'], ['8.x', '']],
  ['channel', 'EXISTS', [], ['x', ' '], ['']],
  ['attributes.x', 'EQUALS', ['1'], ['1'], ['1.0', '01']],
]

const holdingIn = (dimension: string, held: readonly string[]): RequestContext =>
  dimension === 'attributes.x' ? { attributes: [{ name: 'x', values: held }] } : { [dimension]: held[0] }

describe.each(CASES)('%s %s %j', (dimension, operator, values, yes, no) => {
  const holding = (held: readonly string[]) => holdingIn(dimension, held)

  test.each(yes)('matches %j', (held) => {
    expect(matches({ dimension, operator, values }, holding([held]))).toBe(true)
  })

  test.each(no)('does not match %j', (held) => {
    expect(matches({ dimension, operator, values }, holding([held]))).toBe(false)
  })

  test('is what a strategy may hold', () => {
    expect(checkConstraint({ dimension, operator, values }, 'constraint').ok).toBe(true)
  })
})

/** The same, in any letter case. */
const ANY_CASE: [Operator, string[], string[], string[]][] = [
  ['IN', ['Gold', 'ÉTÉ'], ['GOLD', 'gold', 'été'], ['golden', 'ete']],
  ['NOT_IN', ['Gold'], ['silver'], ['GOLD', 'gold']],
  ['EQUALS', ['a.B'], ['A.b'], ['ab', 'axb']],
  ['STARTS_WITH', ['vip-'], ['VIP-1'], ['VIP1', 'xVIP-']],
  ['ENDS_WITH', ['@Example.com'], ['A@EXAMPLE.COM'], ['a@example.org']],
  ['CONTAINS', ['ÄÖ'], ['xäöx', 'ÄÖ'], ['ao']],
  ['MATCHES', ['^abc$'], ['AbC'], ['zabc']],
]

describe.each(ANY_CASE)('%s %j in any letter case', (operator, values, yes, no) => {
  const constraint: InlinedConstraint = { dimension: 'attributes.x', operator, values, caseInsensitive: true }

  test.each([...yes.map((held) => [held, true] as const), ...no.map((held) => [held, false] as const)])(
    'of %j is %j',
    (held, expected) => {
      expect(matches(constraint, holdingIn('attributes.x', [held]))).toBe(expected)
      expect(checkConstraint(constraint, 'constraint')).toEqual({ ok: true, constraint })
    },
  )
})

test('every operator that compares letters has cases of letter case', () => {
  const all = Object.entries(OPERATORS).filter(([, { comparesLetters }]) => comparesLetters)
  expect(ANY_CASE.map(([operator]) => operator)).toEqual(all.map(([operator]) => operator))
})

test('every operator and every typed dimension has its cases', () => {
  expect(new Set([...CASES.map(([, operator]) => operator)])).toEqual(new Set(Object.keys(OPERATORS)))
  const typed = describeDimensions().filter(({ isList }) => !isList)
  expect(new Set(CASES.map(([dimension]) => dimension))).toEqual(
    new Set([...typed.map(({ name }) => name), 'attributes.x']),
  )
})

test('an empty value that is held is a value', () => {
  expect(matches(compare('EXISTS'), { tags: [''] })).toBe(true)
  expect(matches(compare('EXISTS'), { tags: [] })).toBe(false)
})

test('of several values held, one that compares is enough', () => {
  const context = { attributes: [{ name: 'x', values: ['one', '3', '8.1.0'] }] }
  const asks = (operator: Operator, value: string) =>
    matches({ dimension: 'attributes.x', operator, values: [value] }, context)
  expect([asks('NUMBER_LT', '4'), asks('NUMBER_GT', '4')]).toEqual([true, false])
  expect([asks('VERSION_GT', '8'), asks('VERSION_GT', '9')]).toEqual([true, false])
  expect(asks('NUMBER_EQ', '8')).toBe(false)
})

test('a value is read at most once per request, and not before it is asked for', () => {
  let reads = 0
  const termsOf = ({ texts }: ContextValues) => {
    reads += 1
    return texts
  }
  const held = new ContextValues({ ...exactText, termsOf }, ['a'])
  expect(reads).toBe(0)
  expect([held.terms, held.terms]).toEqual([['a'], ['a']])
  expect(reads).toBe(1)
  expect(held.versions).toBe(held.versions)
  expect(held.numbers).toBe(held.numbers)
  expect(held.instants).toBe(held.instants)
  expect(held.folded).toBe(held.folded)
})

describe('a tree', () => {
  const yes: InlinedConstraint = { all: [] }
  const no: InlinedConstraint = { not: { all: [] } }

  test('all asks for all, and of nothing it is true', () => {
    expect(matches(yes, {})).toBe(true)
    expect(matches({ all: [yes, yes] }, {})).toBe(true)
    expect(matches({ all: [yes, no] }, {})).toBe(false)
  })

  test('any asks for one', () => {
    expect(matches({ any: [no, yes] }, {})).toBe(true)
    expect(matches({ any: [no, no] }, {})).toBe(false)
  })

  test('not turns it round, a missing dimension included', () => {
    expect(matches({ not: compare('IN', 'a') }, {})).toBe(true)
    expect(matches({ not: compare('NOT_IN', 'a') }, {})).toBe(false)
  })
})

describe('what an answer sticks to', () => {
  test.each<[string, RequestContext, string | null]>([
    ['the user', { userId: 'u', deviceId: 'd' }, 'u'],
    ['the device when there is no user', { userId: null, deviceId: 'd' }, 'd'],
    ['the device when the user is empty', { userId: '', deviceId: 'd' }, 'd'],
    ['nothing when there is neither', { deviceId: '' }, null],
  ])('is %s', (_, context, key) => {
    expect(readContext(context).key).toBe(key)
  })
})

describe('the registry', () => {
  test('names each dimension once, with a description and operators that exist', () => {
    const dimensions = describeDimensions()
    expect(new Set(dimensions.map(({ name }) => name)).size).toBe(dimensions.length)
    for (const { description, operators } of dimensions) {
      expect(description).toMatch(/\.$/)
      expect(operators.length).toBeGreaterThan(0)
      for (const operator of operators) expect(OPERATORS).toHaveProperty(operator)
    }
  })

  test.each(['attributes.', 'attributes', 'attributes.a b', `attributes.${'x'.repeat(65)}`, 'Tags', ''])(
    'has no dimension %j',
    (name) => {
      expect(findDimension(name)).toBeUndefined()
    },
  )
})
