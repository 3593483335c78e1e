// What reviewers are told of two contents: by examples, and by making the newer content out of the older one and the
// differences alone.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { canonicalJson } from '../../common/base/content-hash.ts'
import { differences } from '../../subgraphs/audit/diff.ts'
import type { SubjectKind } from '../../subgraphs/audit/repository.ts'
import { applyDifferences } from '../support/apply-differences.ts'
import { comparison } from '../support/arbitrary-constraint.ts'

/** `MOVED creatives[0] 2 -> 0`, `CHANGED creatives[1].weight: 1 -> 2`. */
function told(kind: SubjectKind, before: object, after: object): string[] {
  return differences(kind, before, after).map(({ kind, path, before, after, from, to }) => {
    if (kind === 'MOVED') return `MOVED ${path} ${from} -> ${to}`
    if (kind === 'CHANGED') return `CHANGED ${path}: ${canonicalJson(before)} -> ${canonicalJson(after)}`
    return `${kind} ${path}: ${canonicalJson(kind === 'ADDED' ? after : before)}`
  })
}

const booked = (...ids: string[]) => ({ creatives: ids.map((creative) => ({ creative, weight: 1 })) })
const tags = (...values: string[]) => ({ dimension: 'tags', operator: 'IN', values })
const since = (version: string) => ({ dimension: 'appVersion', operator: 'VERSION_GTE', values: [version] })
const platform = (...values: string[]) => ({ dimension: 'platform', operator: 'IN', values })
const segment = (id: string) => ({ segment: id })

describe('The creatives of a schedule', () => {
  const of = (before: object, after: object) => told('SCHEDULE', before, after)

  test('are matched by their ids: removing the first of three is one difference', () => {
    expect(of(booked('a', 'b', 'c'), booked('b', 'c'))).toEqual(['REMOVED creatives[0]: {"creative":"a","weight":1}'])
  })

  test('one that comes first is one difference', () => {
    expect(of(booked('b', 'c'), booked('a', 'b', 'c'))).toEqual(['ADDED creatives[0]: {"creative":"a","weight":1}'])
  })

  test('one that is put first has moved, the others have not', () => {
    expect(of(booked('a', 'b', 'c', 'd'), booked('d', 'a', 'b', 'c'))).toEqual(['MOVED creatives[0] 3 -> 0'])
    expect(of(booked('a', 'b', 'c', 'd'), booked('b', 'c', 'd', 'a'))).toEqual(['MOVED creatives[3] 0 -> 3'])
  })

  test('one in place of another is one gone and one added', () => {
    expect(of(booked('a', 'b'), booked('a', 'x'))).toEqual([
      'ADDED creatives[1]: {"creative":"x","weight":1}',
      'REMOVED creatives[1]: {"creative":"b","weight":1}',
    ])
  })

  test('a changed weight has the path of the creative now, and the path before', () => {
    const after = { creatives: [{ creative: 'b', weight: 3 }, ...booked('a').creatives] }
    expect(differences('SCHEDULE', booked('a', 'x', 'b'), after)).toEqual([
      {
        ...{ kind: 'CHANGED', path: 'creatives[0].weight', previousPath: 'creatives[2].weight' },
        ...{ before: 1, after: 3, from: null, to: null },
      },
      {
        ...{ kind: 'MOVED', path: 'creatives[1]', previousPath: 'creatives[0]', from: 0, to: 1 },
        ...{ before: { creative: 'a', weight: 1 }, after: { creative: 'a', weight: 1 } },
      },
      {
        ...{ kind: 'REMOVED', path: 'creatives[1]', previousPath: 'creatives[1]', from: null, to: null },
        ...{ before: { creative: 'x', weight: 1 }, after: null },
      },
    ])
  })
})

describe('The times of a schedule', () => {
  const part = (days: number[], from: number, to: number) => ({ days, from, to })
  const of = (before: object, after: object) => told('SCHEDULE', before, after)

  test('are matched by what they are, in any order', () => {
    const [morning, evening] = [part([1, 2], 0, 60), part([6, 7], 600, 900)]
    expect(of({ dayParts: [morning, evening] }, { dayParts: [evening, morning] })).toEqual([])
    expect(of({ dayParts: [morning, evening] }, { dayParts: [evening] })).toEqual([
      `REMOVED dayParts[0]: ${canonicalJson(morning)}`,
    ])
    expect(of({ dayParts: [morning, evening] }, { dayParts: [part([6, 7], 600, 960), morning] })).toEqual([
      'CHANGED dayParts[0].to: 900 -> 960',
    ])
    expect(of({ dayParts: [evening] }, { dayParts: [part([5, 6, 7], 600, 900)] })).toEqual([
      'ADDED dayParts[0].days[0]: 5',
    ])
  })

  test('a date more is one difference', () => {
    const dates = ['2026-12-24', '2026-12-31']
    expect(of({ excludedDates: dates }, { excludedDates: ['2026-05-01', ...dates] })).toEqual([
      'ADDED excludedDates[0]: "2026-05-01"',
    ])
  })

  test('dates of a window are told as they are shown', () => {
    const [before, after] = [new Date('2026-05-01T00:00:00Z'), new Date('2026-06-01T00:00:00Z')]
    expect(of({ startsAt: before, endsAt: null }, { startsAt: after, endsAt: after })).toEqual([
      'CHANGED startsAt: "2026-05-01T00:00:00.000Z" -> "2026-06-01T00:00:00.000Z"',
      'ADDED endsAt: "2026-06-01T00:00:00.000Z"',
    ])
  })
})

describe('Constraints', () => {
  const of = (before: unknown, after: unknown) => told('STRATEGY', { constraint: before }, { constraint: after })

  test('the order of parts and of values means nothing', () => {
    expect(of({ all: [tags('a', 'b'), since('8.1')] }, { all: [since('8.1'), tags('b', 'a')] })).toEqual([])
    expect(of({ any: [segment('s1'), segment('s2')] }, { any: [segment('s2'), segment('s1')] })).toEqual([])
  })

  test('the two ends of a range are not the same', () => {
    const range = (from: string, to: string) => ({
      dimension: 'attributes.x',
      operator: 'NUMBER_BETWEEN',
      values: [from, to],
    })
    expect(of(range('1', '5'), range('5', '9'))).toEqual([
      'CHANGED constraint.values[0]: "1" -> "5"',
      'CHANGED constraint.values[1]: "5" -> "9"',
    ])
  })

  test('the first of three parts gone is one difference, and so is a value more', () => {
    expect(of({ all: [tags('a'), since('8.1'), platform('ios')] }, { all: [since('8.1'), platform('ios')] })).toEqual([
      `REMOVED constraint.all[0]: ${canonicalJson(tags('a'))}`,
    ])
    const many = Array.from({ length: 500 }, (_, index) => `tag-${index}`)
    expect(of({ all: [since('8.1'), tags(...many)] }, { all: [tags('new', ...many), since('8.1')] })).toEqual([
      'ADDED constraint.all[0].values[0]: "new"',
    ])
  })

  test('each changed comparison is matched with the one that it is most like', () => {
    const before = { any: [tags('a', 'b', 'c'), tags('x', 'y', 'z')] }
    const after = { any: [tags('x', 'y', 'z', 'w'), tags('a', 'b')] }
    expect(of(before, after)).toEqual([
      'ADDED constraint.any[0].values[3]: "w"',
      'REMOVED constraint.any[1].values[2]: "c"',
    ])
  })

  test('a changed group is matched with the group that it shares most with', () => {
    const before = { any: [{ all: [tags('a'), platform('ios')] }, { all: [tags('b'), platform('web')] }] }
    const after = { any: [{ all: [tags('b'), platform('web'), segment('s1')] }] }
    expect(of(before, after)).toEqual([
      'ADDED constraint.any[0].all[2]: {"segment":"s1"}',
      `REMOVED constraint.any[0]: ${canonicalJson({ all: [tags('a'), platform('ios')] })}`,
    ])
  })

  test('another segment, and another dimension, is another part', () => {
    expect(of({ all: [segment('s1')] }, { all: [segment('s2')] })).toEqual([
      'ADDED constraint.all[0]: {"segment":"s2"}',
      'REMOVED constraint.all[0]: {"segment":"s1"}',
    ])
    expect(of(tags('a'), platform('a'))).toEqual([
      `CHANGED constraint: ${canonicalJson(tags('a'))} -> ${canonicalJson(platform('a'))}`,
    ])
    expect(of(tags('a'), null)).toEqual([`REMOVED constraint: ${canonicalJson(tags('a'))}`])
  })

  test('another operator is a change of the comparison', () => {
    expect(of({ not: tags('a') }, { not: { ...tags('a'), operator: 'NOT_IN' } })).toEqual([
      'CHANGED constraint.not.operator: "IN" -> "NOT_IN"',
    ])
  })

  test('the same part twice, and then once, is one gone', () => {
    expect(of({ all: [tags('a'), tags('a')] }, { all: [tags('a')] })).toEqual([
      `REMOVED constraint.all[1]: ${canonicalJson(tags('a'))}`,
    ])
  })

  test('a cap that counts otherwise is a change of that cap', () => {
    const [daily, ever] = [
      { count: 3, every: 1, unit: 'DAY' },
      { count: 9, every: 1, unit: 'LIFETIME' },
    ]
    expect(told('STRATEGY', { caps: [daily, ever] }, { caps: [ever, { ...daily, count: 2 }] })).toEqual([
      'CHANGED caps[1].count: 3 -> 2',
    ])
  })
})

describe('Free data', () => {
  const of = (before: unknown, after: unknown) => told('CREATIVE', { data: before }, { data: after })

  test('lists are compared by what is equal, and their order counts', () => {
    expect(of({ list: ['a', 'b', 'c'] }, { list: ['b', 'c'] })).toEqual(['REMOVED data.list[0]: "a"'])
    expect(of({ list: ['a', 'b', 'c'] }, { list: ['c', 'a', 'b'] })).toEqual(['MOVED data.list[0] 2 -> 0'])
    expect(of([1, 1, 2], [1, 2, 1])).toEqual(['MOVED data[2] 0 -> 2'])
    expect(of([1, 2, 1], [2, 1])).toEqual(['REMOVED data[0]: 1'])
  })

  test('an item in the place of another is that item, changed', () => {
    const [first, second] = [
      { id: 1, label: 'one' },
      { id: 2, label: 'two' },
    ]
    expect(of([first, second], [first, { ...second, label: 'zwei' }])).toEqual([
      'CHANGED data[1].label: "two" -> "zwei"',
    ])
    expect(of(['a', 'b'], ['a', 'x', 'y'])).toEqual(['CHANGED data[1]: "b" -> "x"', 'ADDED data[2]: "y"'])
  })

  test('a value on one side only is one difference', () => {
    expect(of({ a: 1 }, { a: 1, deep: { er: [1, { x: null }] } })).toEqual(['ADDED data.deep: {"er":[1,{"x":null}]}'])
    expect(of({ list: [1, 2] }, {})).toEqual(['REMOVED data.list: [1,2]'])
    expect(of({ list: [1, 2] }, { list: [] })).toEqual(['REMOVED data.list[0]: 1', 'REMOVED data.list[1]: 2'])
    expect(of({ value: [1] }, { value: { 0: 1 } })).toEqual(['CHANGED data.value: [1] -> {"0":1}'])
  })

  test('null, empty lists and empty objects are told apart', () => {
    expect(of(null, [])).toEqual(['ADDED data: []'])
    expect(of({ a: null }, { a: {} })).toEqual(['CHANGED data.a: null -> {}'])
    expect(of({}, { a: null })).toEqual(['ADDED data.a: null'])
  })

  test('a key that is no name is quoted in paths', () => {
    expect(of({ 'a.b': { '[0]': 1 } }, { 'a.b': { '[0]': 2 } })).toEqual(['CHANGED data["a.b"]["[0]"]: 1 -> 2'])
  })
})

test('of a first revision everything is added, save for what is empty', () => {
  const content = { name: 'S', strategy: null, dayParts: [], ...booked('a', 'b') }
  expect(told('SCHEDULE', {}, content)).toEqual([
    'ADDED name: "S"',
    'ADDED creatives[0]: {"creative":"a","weight":1}',
    'ADDED creatives[1]: {"creative":"b","weight":1}',
  ])
})

// Contents over small alphabets, so that two of them have much in common.

const small = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom(null, true, 0, 1, 'a', 'b'),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'x y', 'é.[]"'), tie('value'), { maxKeys: 3 }),
  ),
})).value

const trees = fc.letrec<{ constraint: unknown; members: unknown[] }>((tie) => ({
  members: fc.array(tie('constraint'), { minLength: 1, maxLength: 4 }),
  constraint: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    comparison,
    fc
      .tuple(fc.constantFrom('tags', 'platform'), fc.array(small, { minLength: 1, maxLength: 5 }))
      .map(([dimension, values]) => ({ dimension, operator: 'IN', values })),
    small.map((id) => ({ segment: `seg_${id}` })),
    tie('members').map((all) => ({ all })),
    tie('members').map((any) => ({ any })),
    tie('constraint').map((not) => ({ not })),
  ),
}))

const dayPart = fc.record({
  days: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }),
  from: fc.constantFrom(0, 60, 600),
  to: fc.constantFrom(60, 1_440),
})

const CONTENTS: Record<SubjectKind, fc.Arbitrary<object>> = {
  SCHEDULE: fc.record({
    name: small,
    creatives: fc
      .uniqueArray(small, { maxLength: 6 })
      .chain((ids) =>
        fc.tuple(...ids.map((creative) => fc.record({ creative: fc.constant(creative), weight: fc.nat(2) }))),
      ),
    strategy: fc.option(small),
    dayParts: fc.array(dayPart, { maxLength: 4 }),
    excludedDates: fc.uniqueArray(small, { maxLength: 4 }),
    exclusive: fc.boolean(),
  }),
  CREATIVE: fc.record({
    name: small,
    image: fc.option(fc.record({ url: small, width: fc.option(fc.nat(2)) })),
    data: json,
  }),
  STRATEGY: fc.record({
    name: small,
    constraint: fc.option(trees.constraint),
    rollout: fc.option(fc.record({ percentage: fc.nat(2), group: fc.option(small) })),
    caps: fc.array(
      fc.record({ count: fc.nat(2), every: fc.constantFrom(1, 2), unit: fc.constantFrom('DAY', 'HOUR') }),
      {
        maxLength: 4,
      },
    ),
  }),
  SEGMENT: fc.record({ name: small, constraint: trees.constraint }),
}

const RUNS = { numRuns: Number(process.env.FC_RUNS ?? 500), seed: Number(process.env.FC_SEED ?? 20_260_501) }

describe.each(Object.keys(CONTENTS) as SubjectKind[])('Of any two contents of a %s', (kind) => {
  const content = CONTENTS[kind]

  test('the differences make the newer one out of the older one', () => {
    fc.assert(
      fc.property(content, content, (before, after) => {
        const made = applyDifferences(before, differences(kind, before, after))
        expect(meaning(made)).toBe(meaning(after))
      }),
      RUNS,
    )
  })

  test('the same content has no differences, and no path comes twice', () => {
    fc.assert(
      fc.property(content, content, (before, after) => {
        expect(differences(kind, before, structuredClone(before))).toEqual([])
        const places = differences(kind, before, after).map(
          ({ kind, path }) => `${kind === 'REMOVED'} ${kind === 'MOVED'} ${path}`,
        )
        expect(new Set(places).size).toBe(places.length)
      }),
      RUNS,
    )
  })
})

test('as few items as possible move, and an item of both lists is neither removed nor added', () => {
  const list = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 12 })
  fc.assert(
    fc.property(list, list, (before, after) => {
      const kinds = differences('CREATIVE', { data: before }, { data: after }).map(({ kind }) => kind)
      const count = (...wanted: string[]) => kinds.filter((kind) => wanted.includes(kind)).length
      const shared = [...new Set(before)].reduce(
        (sum, one) => sum + Math.min(timesIn(before, one), timesIn(after, one)),
        0,
      )
      expect(count('MOVED')).toBe(shared - longestCommon(before, after))
      expect(count('REMOVED', 'CHANGED')).toBe(before.length - shared)
      expect(count('ADDED', 'CHANGED')).toBe(after.length - shared)
    }),
    { ...RUNS, numRuns: 2_000 },
  )
})

describe('The cost', () => {
  const reversed = Array.from({ length: 4_000 }, (_, index) => index)
  const many = (from: number) => Array.from({ length: 1_000 }, (_, index) => `${from + index}`)
  const groups = (from: number) =>
    Array.from({ length: 12 }, (_, group) => ({
      all: Array.from({ length: 14 }, (_, index) => tags(`${from + group}`, `${group * index}`)),
    }))

  test.each<[string, SubjectKind, object, object]>([
    ['a list the other way round', 'CREATIVE', { data: reversed }, { data: reversed.toReversed() }],
    ['a list of one value', 'CREATIVE', { data: Array(8_000).fill(1) }, { data: [0, ...Array(7_000).fill(1), 2] }],
    ['a list of two values', 'CREATIVE', { data: alternating(8_000, 0) }, { data: alternating(8_000, 1) }],
    ['other items altogether', 'CREATIVE', { data: reversed }, { data: reversed.map(String) }],
    ['a thousand values', 'SEGMENT', { constraint: tags(...many(0)) }, { constraint: tags(...many(500)) }],
    [
      'two hundred comparisons',
      'SEGMENT',
      {
        constraint: {
          all: many(0)
            .slice(0, 199)
            .map((value) => tags(value)),
        },
      },
      {
        constraint: {
          all: many(199)
            .slice(0, 199)
            .map((value) => tags(value)),
        },
      },
    ],
    ['groups of comparisons', 'SEGMENT', { constraint: { any: groups(0) } }, { constraint: { any: groups(1) } }],
    ['deep data', 'CREATIVE', { data: nested(31, 0) }, { data: nested(31, 1) }],
  ])('of %s is bounded', (_, kind, before, after) => {
    const begun = process.cpuUsage()
    expect(differences(kind, before, after).length).toBeGreaterThan(0)
    const { user, system } = process.cpuUsage(begun)
    expect((user + system) / 1_000).toBeLessThan(1_000) // ms; about 20 each
  })
})

function alternating(length: number, from: number): number[] {
  return Array.from({ length }, (_, index) => (from + (index % 7 === 0 ? 1 : 0)) % 2)
}

/** Each level a list with the next level and something beside it; 16 KB in all. */
function nested(depth: number, leaf: unknown): unknown {
  return depth === 0 ? leaf : [nested(depth - 1, leaf), 'x'.repeat(400)]
}

function timesIn(list: readonly string[], wanted: string): number {
  return list.filter((one) => one === wanted).length
}

/** By the book: quadratic, and nothing to get wrong. */
function longestCommon(some: readonly string[], others: readonly string[]): number {
  const lengths = Array.from({ length: some.length + 1 }, () => Array(others.length + 1).fill(0))
  for (const [i, one] of some.entries()) {
    for (const [j, other] of others.entries()) {
      lengths[i + 1]![j + 1] = one === other ? lengths[i]![j] + 1 : Math.max(lengths[i]![j + 1], lengths[i + 1]![j])
    }
  }
  return lengths[some.length]![others.length]
}

const UNORDERED = new Set(['all', 'any', 'caps', 'dayParts', 'days', 'excludedDates'])

/** The content as text, alike for two that mean the same. */
function meaning(content: unknown): string {
  const present = Object.entries(content as object).filter(
    ([name, value]) => value !== null && !(UNORDERED.has(name) && (value as unknown[]).length === 0),
  )
  const fields = present.map(([name, value]) => [name, name === 'data' ? value : sorted(value, name)])
  return canonicalJson(Object.fromEntries(fields))
}

function sorted(value: unknown, name: string, within: { operator?: string } = {}): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => sorted(item, ''))
    const isSet = UNORDERED.has(name) || (name === 'values' && !within.operator?.endsWith('BETWEEN'))
    return isSet ? items.sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1)) : items
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([field, part]) => [field, sorted(part, field, value)]))
}
