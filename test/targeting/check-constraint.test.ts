import { describe, expect, test } from '@jest/globals'
import { checkConstraint } from '../../engine/targeting/check-constraint.ts'
import { describeDimensions } from '../../engine/targeting/dimensions.ts'

const KNOWN = describeDimensions()
  .map(({ name }) => name)
  .join(', ')

const leaf = { dimension: 'tags', operator: 'IN', values: ['new'] }

/** The constraint with a comparison `depth` deep. */
const nested = (depth: number): unknown => (depth === 1 ? leaf : { not: nested(depth - 1) })

const errorsOf = (input: unknown) => {
  const checked = checkConstraint(input, 'constraint')
  return checked.ok ? [] : checked.errors.map(({ path, message }) => `${path}: ${message}`)
}

describe('checking a constraint when it is written', () => {
  test('returns a clean copy, without the nulls that GraphQL sends', () => {
    const input = { all: [{ ...leaf, all: null, any: undefined, not: null }], operator: null, values: null }
    expect(checkConstraint(input, 'constraint')).toEqual({ ok: true, constraint: { all: [leaf] } })
  })

  test('accepts every kind of node, an empty all, and free attributes', () => {
    const input = {
      all: [
        { any: [leaf, { not: { all: [] } }] },
        { dimension: 'attributes.user_feature-0.x', operator: 'EQUALS', values: ['a'] },
        { dimension: 'tags', operator: 'NOT_IN', values: ['b', 'c'] },
        { dimension: 'region', operator: 'IN', values: ['CN', 'us-ca'] },
        { segment: 'seg_1' },
      ],
    }
    expect(checkConstraint(input, 'constraint')).toEqual({ ok: true, constraint: input })
  })

  test.each([
    ['no object', 7, 'constraint: must be an object, but is 7'],
    ['null', null, 'constraint: must be an object, but is null'],
    ['a list', [leaf], 'constraint: must be an object, but is a list'],
    ['an empty node', {}, 'constraint: must have exactly one of all, any, not, dimension, segment, but has none'],
    [
      'two kinds',
      { all: [], not: leaf },
      'constraint: must have exactly one of all, any, not, dimension, segment, but has all and not',
    ],
    ['an operator without a dimension', { all: [], operator: 'IN' }, 'constraint.operator: does not belong beside all'],
    ['an unknown field', { ...leaf, caseless: true }, 'constraint.caseless: does not belong beside dimension'],
    ['a child that is none', { all: [leaf, 'x'] }, 'constraint.all[1]: must be an object, but is "x"'],
    ['an empty any', { not: { any: [] } }, 'constraint.not.any: must not be empty: it would never match'],
    ['an all that is no list', { all: leaf }, 'constraint.all: must be a list, but is an object'],
    [
      'an unknown dimension',
      { any: [{ ...leaf, dimension: 'tag' }] },
      `constraint.any[0].dimension: unknown dimension "tag"; known: ${KNOWN}`,
    ],
    [
      'a bad attribute name',
      { ...leaf, dimension: 'attributes.a b' },
      `constraint.dimension: unknown dimension "attributes.a b"; known: ${KNOWN}`,
    ],
    [
      'an unknown operator',
      { all: [leaf, { ...leaf, operator: 'LIKE' }] },
      'constraint.all[1].operator: unknown operator "LIKE"; known for tags: IN, NOT_IN, EQUALS, EXISTS, STARTS_WITH, ENDS_WITH, CONTAINS, MATCHES',
    ],
    [
      'an operator that every object has',
      { ...leaf, operator: 'toString' },
      'constraint.operator: unknown operator "toString"; known for tags: IN, NOT_IN, EQUALS, EXISTS, STARTS_WITH, ENDS_WITH, CONTAINS, MATCHES',
    ],
    [
      'a missing operator',
      { dimension: 'tags', values: [] },
      'constraint.operator: missing; known for tags: IN, NOT_IN, EQUALS, EXISTS, STARTS_WITH, ENDS_WITH, CONTAINS, MATCHES',
    ],
    [
      'an operator that does not go with the dimension',
      { ...leaf, dimension: 'region', operator: 'VERSION_LT' },
      'constraint.operator: unknown operator "VERSION_LT"; known for region: IN, NOT_IN, EQUALS, EXISTS',
    ],
    [
      'a segment beside something',
      { segment: 'seg_1', operator: 'IN' },
      'constraint.operator: does not belong beside segment',
    ],
    ['a segment without an id', { segment: '' }, 'constraint.segment: must be the id of a segment, but is ""'],
    [
      'a segment that is no text',
      { any: [{ segment: 7 }] },
      'constraint.any[0].segment: must be the id of a segment, but is 7',
    ],
    [
      'a version that is none',
      { all: [{ dimension: 'appVersion', operator: 'VERSION_GTE', values: ['x'] }] },
      'constraint.all[0].values[0]: must be a version such as 8.1.0, but is "x"',
    ],
    [
      'a version that is none in a list',
      { dimension: 'osVersion', operator: 'IN', values: ['17', '17.x', 'y'] },
      'constraint.values[1]: must be a version such as 8.1.0, but is "17.x"',
    ],
    [
      'a number that is none',
      { dimension: 'attributes.level', operator: 'NUMBER_LT', values: ['0x10'] },
      'constraint.values[0]: must be a number such as 8 or -0.5, but is "0x10"',
    ],
    [
      'two numbers',
      { dimension: 'attributes.level', operator: 'NUMBER_LT', values: ['1', '2'] },
      'constraint.values: must have exactly one value for NUMBER_LT, but has 2',
    ],
    [
      'a region that is none',
      { dimension: 'region', operator: 'NOT_IN', values: ['CN', 'CHN'] },
      'constraint.values[1]: must be a region such as CN or CN-11, but is "CHN"',
    ],
    [
      'a language that is none',
      { dimension: 'language', operator: 'EQUALS', values: ['Chinese!'] },
      'constraint.values[0]: must be a language such as zh or zh-Hans-CN, but is "Chinese!"',
    ],
    [
      'half a character',
      { ...leaf, values: ['\ud800'] },
      'constraint.values[0]: must be well-formed Unicode, but contains U+D800, half of a character',
    ],
    ['an empty list of values', { ...leaf, values: [] }, 'constraint.values: must not be empty'],
    ['no values', { ...leaf, values: null }, 'constraint.values: must be a list of strings, but is missing'],
    [
      'two values for EQUALS',
      { ...leaf, operator: 'EQUALS', values: ['a', 'b'] },
      'constraint.values: must have exactly one value for EQUALS, but has 2',
    ],
    [
      'an empty value',
      { ...leaf, values: ['a', ''] },
      'constraint.values[1]: must be a string of 1 to 256 characters, but is ""',
    ],
    [
      'a number as value',
      { ...leaf, values: [1] },
      'constraint.values[0]: must be a string of 1 to 256 characters, but is 1',
    ],
    [
      'one value for BETWEEN',
      { dimension: 'appVersion', operator: 'VERSION_BETWEEN', values: ['8'] },
      'constraint.values: must have exactly two values for VERSION_BETWEEN, but has 1',
    ],
    [
      'a range that ends before it begins',
      { dimension: 'attributes.age', operator: 'NUMBER_BETWEEN', values: ['10', '9'] },
      'constraint.values: must have the lower value first: it would never match',
    ],
    [
      'values for EXISTS',
      { ...leaf, operator: 'EXISTS' },
      'constraint.values: must have no values for EXISTS, but has 1',
    ],
    [
      'a date without an offset',
      { dimension: 'attributes.until', operator: 'DATE_BEFORE', values: ['2026-05-01T08:00'] },
      'constraint.values[0]: must be a date such as 2026-05-01 or 2026-05-01T08:00:00+08:00, but is "2026-05-01T08:00"',
    ],
    [
      'a pattern that is none',
      { any: [{ ...leaf, operator: 'MATCHES', values: ['(vip'] }] },
      'constraint.any[0].values[0]: must be a regular expression in RE2 syntax (error parsing regexp: missing closing ): `(vip`), but is "(vip"',
    ],
    [
      'a pattern with what RE2 does not have',
      { ...leaf, operator: 'MATCHES', values: ['^(a)\\1$'] },
      'constraint.values[0]: must be a regular expression in RE2 syntax (error parsing regexp: invalid escape sequence: `\\1`), but is "^(a)\\\\1$"',
    ],
    [
      'any letter case of versions',
      { dimension: 'appVersion', operator: 'IN', values: ['8'], caseInsensitive: true },
      'constraint.caseInsensitive: means nothing for appVersion, whose values are versions',
    ],
    [
      'any letter case where it is so anyway',
      { dimension: 'region', operator: 'IN', values: ['CN'], caseInsensitive: true },
      'constraint.caseInsensitive: means nothing for region, which is compared in any letter case anyway',
    ],
    [
      'any letter case of numbers',
      { dimension: 'attributes.x', operator: 'NUMBER_LT', values: ['8'], caseInsensitive: true },
      'constraint.caseInsensitive: means nothing for NUMBER_LT',
    ],
    [
      'a letter case that is neither true nor false',
      { ...leaf, caseInsensitive: 'yes' },
      'constraint.caseInsensitive: must be true or false, but is "yes"',
    ],
    [
      'letter case beside a tree',
      { all: [], caseInsensitive: true },
      'constraint.caseInsensitive: does not belong beside all',
    ],
  ])('refuses %s and says where', (_, input, error) => {
    expect(errorsOf(input)).toEqual([error])
  })

  test('reports every mistake at once', () => {
    const input = { all: [{ any: [] }, leaf, { ...leaf, operator: 'LIKE' }] }
    const checked = checkConstraint(input, 'input.constraint')
    expect(checked.ok ? [] : checked.errors.map((error) => error.path)).toEqual([
      'input.constraint.all[0].any',
      'input.constraint.all[2].operator',
    ])
  })

  test('allows depth 8 and refuses depth 9, at the node', () => {
    expect(errorsOf(nested(8))).toEqual([])
    expect(errorsOf(nested(9))).toEqual([`constraint${'.not'.repeat(8)}: is nested more than 8 deep`])
  })

  test('allows 200 nodes and refuses 201', () => {
    expect(errorsOf({ all: Array(199).fill(leaf) })).toEqual([])
    expect(errorsOf({ all: Array(200).fill(leaf) })).toEqual(['constraint: has more than 200 nodes'])
    expect(errorsOf({ any: Array(100_000).fill({ all: [leaf] }) })).toEqual(['constraint: has more than 200 nodes'])
  })

  test('allows 1,000 values in all and refuses 1,001', () => {
    const holding = (count: number) => ({ ...leaf, values: Array(count).fill('x') })
    const tree = (last: number) => ({ all: [holding(400), { not: { any: [holding(599), holding(last)] } }] })
    expect(errorsOf(holding(1000))).toEqual([])
    expect(errorsOf(holding(1001))).toEqual(['constraint: has more than 1000 values'])
    expect(errorsOf(tree(1))).toEqual([])
    expect(errorsOf(tree(2))).toEqual(['constraint: has more than 1000 values'])
  })

  test('allows values of 256 characters and refuses 257', () => {
    const value = 'x'.repeat(256)
    expect(errorsOf({ ...leaf, values: [value] })).toEqual([])
    expect(errorsOf({ ...leaf, values: [`${value}x`] })[0]).toMatch(/^constraint\.values\[0\]: .*\(259 characters\)$/)
  })

  test('allows patterns of 500 instructions and refuses more', () => {
    const matching = (pattern: string) => ({ ...leaf, operator: 'MATCHES', values: [pattern] })
    expect(errorsOf(matching('a{498}'))).toEqual([])
    expect(errorsOf(matching('a{499}'))).toEqual([
      expect.stringContaining('RE2 syntax (too large: 501 instructions of at most 500), but is "a{499}"'),
    ])
    expect(errorsOf(matching('((a{30}){30}){30}'))).toEqual([expect.stringContaining('constraint.values[0]: must be')])
  })

  test('keeps letter case only where it is said, so that content has one form', () => {
    expect(checkConstraint({ ...leaf, caseInsensitive: false }, 'constraint')).toEqual({ ok: true, constraint: leaf })
    const folded = { ...leaf, caseInsensitive: true }
    expect(checkConstraint(folded, 'constraint')).toEqual({ ok: true, constraint: folded })
  })

  test('takes no values and an empty list of them for the same', () => {
    const constraint = { dimension: 'tags', operator: 'EXISTS', values: [] }
    expect(checkConstraint(constraint, 'constraint')).toEqual({ ok: true, constraint })
    expect(checkConstraint({ ...constraint, values: null }, 'constraint')).toEqual({ ok: true, constraint })
  })
})
