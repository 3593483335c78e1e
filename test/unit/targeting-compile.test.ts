import { describe, expect, test } from '@jest/globals'
import { compileConstraint } from '../../common/targeting/compile.ts'
import { readContext } from '../../common/targeting/context.ts'
import { OPERATORS } from '../../common/targeting/operators.ts'
import { describeDimensions, findDimension } from '../../common/targeting/registry.ts'
import type { InlinedConstraint, Operator, RequestContext } from '../../common/targeting/types.ts'

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
    expect(() => compileConstraint(compare('LIKE' as Operator, 'a'))).toThrow('tags LIKE is not known')
    expect(() => compileConstraint({ dimension: 'moon', operator: 'IN', values: [] })).toThrow('moon IN is not known')
  })
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
