// Limits on what a document may ask for, checked before validation: each limit exactly at its number and one beyond, and the known
// ways to make validation expensive.

import { describe, expect, test } from '@jest/globals'
import { buildSchema, type DocumentNode } from 'graphql'
import { type AlkaidError, InvalidRequest } from '../../common/base/errors.ts'
import { createDocuments } from '../../common/graphql/documents.ts'
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from '../../common/graphql/query-limits.ts'

const schema = buildSchema(`
  scalar JSON
  input Filter { name: String, any: [Filter!], free: JSON }
  type Query { self: Query, id: ID, pick(id: ID, filter: Filter, free: JSON): Query }
`)

const LIMITS: QueryLimits = { ...DEFAULT_QUERY_LIMITS, tokens: 2_000, depth: 4, aliases: 3, directives: 2, fields: 40 }
const wide: QueryLimits = { ...LIMITS, fields: 100_000, aliases: 1_000, tokens: 100_000 }

const repeat = (times: number, part: (index: number) => string) =>
  Array.from({ length: times }, (_, index) => part(index)).join(' ')

function read(text: string, limits = LIMITS): DocumentNode {
  return createDocuments({ schema, limits, introspection: true }).read(text)
}

function refused(text: string, limits = LIMITS): { code: string | undefined; message: string; path: unknown } {
  try {
    read(text, limits)
  } catch (error) {
    if (error instanceof InvalidRequest) {
      const [first] = error.errors
      return { code: String(first!.extensions!.code), message: first!.message, path: first!.extensions!.path }
    }
    const { code, message, extensions } = error as AlkaidError
    return { code, message, path: extensions?.path }
  }
  return { code: undefined, message: 'It was taken', path: undefined }
}

describe('a limit accepts its number, refuses one more, and says the limit, what was sent and what to do', () => {
  const cases: [string, string, string, RegExp][] = [
    [
      'depth',
      '{ self { self { self { id } } } }',
      '{ self { self { self { self { id } } } } }',
      /4 levels.*has 5\. Ask for fewer.*MAX_QUERY_DEPTH/,
    ],
    ['aliases', '{ a: id b: id c: id }', '{ a: id b: id c: id d: id }', /3 aliases.*has 4\. Split.*MAX_QUERY_ALIASES/],
    [
      'directives',
      '{ id @skip(if: true) a: id @skip(if: true) }',
      '{ id @skip(if: true) a: id @skip(if: true) b: id @include(if: true) }',
      /2 directives.*has 3\. Leave.*MAX_QUERY_DIRECTIVES/,
    ],
    ['fields', `{ ${'id '.repeat(40)} }`, `{ ${'id '.repeat(41)} }`, /40 fields.*has 41\. Split.*MAX_QUERY_FIELDS/],
    [
      'tokens',
      `{ pick(free: [${'1 '.repeat(1_988)}]) { id } }`,
      `{ pick(free: [${'1 '.repeat(1_989)}]) { id } }`,
      /2,000 tokens.*Split.*MAX_QUERY_TOKENS/,
    ],
    [
      'characters',
      `{ id } #${'x'.repeat(79_992)}`,
      `{ id } #${'x'.repeat(79_993)}`,
      /80,000 characters.*MAX_QUERY_TOKENS/,
    ],
    [
      'fragments',
      `{ ...F0 } ${repeat(99, (n) => `fragment F${n} on Query { self { ...G } }`)} fragment G on Query { id }`,
      `{ id } ${repeat(101, (n) => `fragment F${n} on Query { id }`)}`,
      /100 fragments.*has 101\. Send only/,
    ],
    [
      'operations',
      repeat(20, (n) => `query Q${n} { id }`),
      repeat(21, (n) => `query Q${n} { id }`),
      /20 operations.*has 21\. Send only/,
    ],
    ['a name', `{ ${'x'.repeat(200)}: id }`, `{ ${'x'.repeat(201)}: id }`, /200 characters.*201\. Choose a shorter/],
    [
      'braces',
      `${'{ ... '.repeat(199)} { id } ${'}'.repeat(199)}`,
      `${'{ ... '.repeat(200)} { id } ${'}'.repeat(200)}`,
      /200 braces.*Ask for fewer/,
    ],
  ]
  test.each(cases)('%s', (_, most, beyond, message) => {
    expect(refused(most).code).not.toBe('LIMIT_EXCEEDED')
    expect(refused(beyond)).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringMatching(message) })
  })
})

test('a fragment counts again at each place where it is used', () => {
  const fields = (times: number) =>
    `{ ${repeat(times, (n) => `a${n}: self { ...F }`)} } fragment F on Query { ${'id '.repeat(9)} }`
  expect(refused(fields(3)).code).toBeUndefined()
  expect(refused(fields(5), { ...LIMITS, aliases: 9 }).message).toMatch(/40 fields.*has 50/)
  expect(
    refused('{ ...F } fragment F on Query { self { ...G } } fragment G on Query { self { self { self { id } } } }')
      .message,
  ).toMatch(/has 5/)
  const doubled = `{ ...F0 } ${repeat(60, (n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`)} fragment F60 on Query { id }`
  expect(refused(doubled).message).toMatch(/fields.*more than 1,000,000/)
})

test('the usual introspection query passes any limit on depth', () => {
  expect(
    refused('{ __schema { types { fields { type { ofType { ofType { ofType { name } } } } } } } }').code,
  ).toBeUndefined()
})

test('a fragment that contains itself is BAD_USER_INPUT', () => {
  for (const text of [
    '{ ...F } fragment F on Query { self { ...F } }',
    '{ ...F } fragment F on Query { self { ...G } } fragment G on Query { ...F }',
  ]) {
    expect(refused(text)).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining('contain itself') })
  }
})

describe('a query that would make validation expensive is refused before validation', () => {
  // Not one of these fits the schema: were it validated, that would be said.
  const bombs: [string, string][] = [
    ['the same list again and again', `{ ${repeat(140, () => 'nope { nodes { id } }')} }`],
    ['the same field again and again', `{ self { ${'nope '.repeat(250)} } }`],
    [
      'the same long arguments',
      `{ ${repeat(40, () => `pick(filter: {name: "a", any: [${repeat(20, () => '{}')}]}) { nope }`)} }`,
    ],
    ['the same long text', `{ ${repeat(60, () => `pick(id: "${'x'.repeat(2_000)}") { nope }`)} }`],
    [
      'fragments of fragments',
      `{ ...F0 } ${repeat(99, (n) => `fragment F${n} on Query { ...F${n + 1} }`)} fragment F99 on Query { nope }`,
    ],
    [
      'every fragment in every other',
      `{ ...F0 } ${repeat(20, (n) => `fragment F${n} on Query { ${repeat(20 - n, (m) => `...F${n + 1 + m}`)} }`)} fragment F20 on Query { nope }`,
    ],
    [
      'operations and fragments',
      `${repeat(20, (n) => `query Q${n} { ...F0 }`)} ${repeat(90, (n) => `fragment F${n} on Query { ...F${n + 1} }`)} fragment F90 on Query { nope }`,
    ],
    ['fragments of one name', `{ ...F } fragment F on Query { ${'nope '.repeat(250)} } fragment F on Query { id }`],
    ['fragments that nothing uses', `{ id } fragment F on Query { ${'nope '.repeat(250)} }`],
  ]
  test.each(bombs)('%s', (_, text) => {
    expect(refused(text, wide)).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.not.stringContaining('nope') })
  })
})

describe('a mistake in a value is reported with its path', () => {
  test.each([
    ['{ pick(filter: {any: [{name: "a"}, {name: 5}]}) { id } }', 'filter.any[1].name'],
    ['{ pick(id: [1]) { id } }', 'id'],
    ['{ pick(free: {a: [1, 9007199254740993]}) { id } }', 'free.a[1]'],
    ['query ($v: JSON = [[1e400]]) { pick(free: $v) { id } }', 'v[0][0]'],
    ['query ($v: Filter = {any: [{name: 5}]}) { pick(filter: $v) { id } }', 'v.any[0].name'],
    [`{ pick(free: {a: ${'['.repeat(70)}${']'.repeat(70)}}) { id } }`, 'free.a'],
    [`{ pick(free: ${'{a: '.repeat(70)}1${'}'.repeat(70)}) { id } }`, 'free.a.a.a.a.a.a.a.a'],
    [`query ($v: ${'['.repeat(70)}ID${']'.repeat(70)}) { pick(free: $v) { id } }`, 'v'],
    [`{ id @skip(if: ${'['.repeat(70)}${']'.repeat(70)}) }`, 'if'],
  ])('%.60s', (text, path) => {
    expect(refused(text)).toMatchObject({ code: 'BAD_USER_INPUT', path })
  })
})

test('in production introspection is refused, and errors suggest no names', () => {
  const documents = createDocuments({ schema, limits: LIMITS, introspection: false })
  const told = (text: string) => {
    try {
      documents.read(text)
    } catch (error) {
      return (error as InvalidRequest).message
    }
    return 'It was taken'
  }
  expect(told('{ __schema { queryType { name } } }')).toMatch(/introspection has been disabled/)
  expect(told('{ __typename }')).toBe('It was taken')
  expect(told('{ pic }')).toBe('Cannot query field "pic" on type "Query".')
  expect(refused('{ pic }').message).toMatch(/Did you mean "pick"/)
})

test('validation stops after a few mistakes', () => {
  const documents = createDocuments({ schema, limits: wide, introspection: true })
  let errors = 0
  try {
    documents.read(`{ ${repeat(1_000, (n) => `nope${n}`)} }`)
  } catch (error) {
    errors = (error as InvalidRequest).errors.length
  }
  expect(errors).toBeGreaterThan(1)
  expect(errors).toBeLessThan(30)
})

test('a document that passed is cached, and dropped when others need its place', async () => {
  const documents = createDocuments({ schema, limits: wide, introspection: true })
  const first = documents.read('{ id }')
  expect(documents.read('{ id }')).toBe(first)
  for (let n = 0; n < 60; n++) documents.read(`{ pick(id: "${'x'.repeat(10_000)}${n}") { id } }`)
  expect(documents.read('{ id }')).not.toBe(first)
})
