// The query planner gets the client's operation with every argument as a variable.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { buildSchema, execute, type GraphQLSchema, getOperationAST, parse, print, validate } from 'graphql'
import { readVariables, type Variables } from '../../common/graphql/variables.ts'
import { withoutLiterals } from '../../gateway/without-literals.ts'

const SDL = `
  scalar JSON
  enum Colour { RED GREEN }
  input Page { first: Int! = 20, after: ID }
  input Filter { colours: [Colour!], page: Page = {first: 3}, any: [Filter!], not: Filter, free: JSON, exact: Float }
  type Query {
    echo(
      int: Int, need: Int! = 7, id: ID, text: String, yes: Boolean, colour: Colour, list: [Int], lists: [[Int!]], filter: Filter,
      free: JSON
    ): String
    self: Query
  }
`

/** Every `echo` answers its arguments. */
function echoing(): GraphQLSchema {
  const schema = buildSchema(SDL)
  const query = schema.getQueryType()!.getFields()
  query.echo!.resolve = (_parent, args) => JSON.stringify(args, Object.keys(flatten(args)).sort())
  query.self!.resolve = () => ({})
  return schema
}

const schema = echoing()

test('every argument becomes a variable of its type, and equal arguments share one', () => {
  const { text, variables } = planned(
    `query Q($who: ID = "ann", $more: Filter, $show: Boolean = true) {
      a: echo(id: $who, list: [1, 2], filter: {colours: RED, not: $more}) @include(if: $show)
      a: echo(list: [1, 2], filter: {not: $more, colours: RED}, id: $who) @include(if: $show)
      ...F @skip(if: false)
    }
    fragment F on Query { self { echo(filter: $more, need: 5) } }
    query Other { echo(int: 1) }`,
    { more: { exact: 1.5 } },
    'Q',
  )
  expect(text.replace(/\s+/g, ' ')).toBe(
    'query Q($_show: Boolean = true, $_more: Filter, $a0: ID, $a1: [Int], $a2: Filter, $a3: Int!) { ' +
      'a: echo(id: $a0, list: $a1, filter: $a2) @include(if: $_show) ' +
      'a: echo(list: $a1, filter: $a2, id: $a0) @include(if: $_show) ' +
      '...F @skip(if: false) } ' +
      'fragment F on Query { self { echo(filter: $_more, need: $a3) } }',
  )
  expect(variables).toEqual({
    _show: true,
    _more: { exact: 1.5, page: { first: 3 } },
    a0: 'ann',
    a1: [1, 2],
    a2: { colours: ['RED'], not: { exact: 1.5, page: { first: 3 } }, page: { first: 3 } },
    a3: 5,
  })
})

test('operations that differ only in values share one plan', () => {
  const hashOf = (query: string) => planned(query).hash
  expect(hashOf('{ echo(int: 1, list: [1]) }')).toBe(hashOf('{ echo(int: 2, list: [3, 4]) }'))
  expect(hashOf('{ echo(int: 1) }')).not.toBe(hashOf('{ echo(need: 1) }'))
  expect(hashOf('{ a: echo(int: 1) b: echo(int: 1) }')).not.toBe(hashOf('{ a: echo(int: 1) b: echo(int: 2) }'))
})

test('null in place of a required value is BAD_USER_INPUT with the name of the argument', () => {
  const cases: [string, string][] = [
    ['query ($n: Int = 1) { echo(need: $n) }', 'need'],
    ['query ($n: Int = 1) { echo(filter: {page: {first: $n}}) }', 'filter'],
  ]
  for (const [query, path] of cases) {
    expect(() => planned(query, { n: null })).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', extensions: expect.objectContaining({ path }) }),
    )
  }
})

test('the depths of a literal and of a variable in it add up to one limit', () => {
  const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown
  const query = 'query ($v: JSON) { echo(filter: {any: [{free: [$v]}]}) }'
  expect(planned(query, { v: deep(58) }).variables).toHaveProperty('a0')
  expect(() => planned(query, { v: deep(59) })).toThrow(
    expect.objectContaining({ code: 'BAD_USER_INPUT', extensions: expect.objectContaining({ path: 'filter.any' }) }),
  )
})

test('in the rewritten operation every field gets the same arguments as in the client’s operation', () => {
  fc.assert(
    fc.property(arbitraryQuery, ({ query, variables }) => {
      const document = parse(query)
      expect([query, validate(schema, document)]).toEqual([query, []])
      const wanted = execute({ schema, document, variableValues: variables })
      const { text, variables: values } = planned(query, variables)
      expect(validate(schema, parse(text))).toEqual([])
      const got = execute({ schema, document: parse(text), variableValues: JSON.parse(JSON.stringify(values)) })
      expect([query, got]).toEqual([query, wanted])
    }),
    { numRuns: 100 },
  )
})

/** Throws what `withoutLiterals` throws. */
function planned(query: string, given: Variables = {}, name?: string) {
  const document = parse(query)
  const operation = getOperationAST(document, name)!
  const { document: plan, hash, variables } = withoutLiterals(schema, document, operation)
  return { text: print(plan), hash, variables: variables(readVariables(schema, operation, given)) }
}

/** Names of all properties in a value: JSON.stringify takes them in one order. */
function flatten(value: unknown): Record<string, true> {
  if (typeof value !== 'object' || value === null) return {}
  const names: Record<string, true> = {}
  for (const [name, part] of Object.entries(value)) Object.assign(names, { [name]: true }, flatten(part))
  return names
}

/** Literals for the arguments of `echo`; `$v...` are variables that every operation declares. */
const text = fc.constantFrom('"a"', '"\\u00e9 \\" b"', '"""block"""', '$vText')
const int = fc.constantFrom('0', '-3', '2147483647', 'null', '$vInt', '$vDefault', '$vAbsent')
const free: fc.Arbitrary<string> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('1', '-2.5', '"x"', 'true', 'null', '$vFree'),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${(items as string[]).join(', ')}]`),
    fc
      .array(tie('value'), { maxLength: 3 })
      .map((items) => `{${(items as string[]).map((item, index) => `k${index}: ${item}`).join(', ')}}`),
  ),
})).value as fc.Arbitrary<string>
const filter: fc.Arbitrary<string> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('{}', '$vFilter'),
    fc
      .record(
        {
          colours: fc.constantFrom('RED', '[RED, GREEN]', '[]', 'null'),
          page: fc.constantFrom('{}', '{first: 5}', '{first: $vDefault, after: 5}', 'null'),
          any: fc.constantFrom('{}', '[{exact: 1}, {page: {first: $vDefault}}]', '[]', 'null'),
          not: tie('value'),
          free,
          exact: fc.constantFrom('1', '0.5', 'null'),
        },
        { requiredKeys: [] },
      )
      .map(
        (fields) =>
          `{${Object.entries(fields)
            .map(([name, value]) => `${name}: ${value}`)
            .join(', ')}}`,
      ),
  ),
})).value as fc.Arbitrary<string>

const argumentsOfEcho = fc.record(
  {
    int,
    need: fc.constantFrom('5', '$vDefault', '$vNeed'),
    id: fc.constantFrom('"a"', '5', '99999999999999999999', '$vId', 'null'),
    text,
    yes: fc.constantFrom('true', 'false', '$vYes'),
    colour: fc.constantFrom('RED', '$vColour'),
    list: fc.constantFrom('1', '[]', '[1, null, $vInt, $vAbsent]', '$vList', 'null'),
    lists: fc.constantFrom('[[1]]', '[[1, 2], null]', '1', '[1, 2]'),
    filter,
    free,
  },
  { requiredKeys: [] },
)

const DECLARED =
  '$vText: String, $vInt: Int, $vDefault: Int = 4, $vAbsent: Int, $vNeed: Int!, $vFree: JSON, $vFilter: Filter, ' +
  '$vId: ID, $vYes: Boolean = true, $vColour: Colour = GREEN, $vList: [Int] = [8, 9]'

const arbitraryQuery = fc
  .record({
    calls: fc.array(fc.tuple(argumentsOfEcho, fc.constantFrom('', '@include(if: $vYes)', '@skip(if: false)')), {
      minLength: 1,
      maxLength: 4,
    }),
    variables: fc.record(
      {
        vText: fc.constantFrom('t', null),
        vInt: fc.constantFrom(1, null),
        vDefault: fc.integer({ min: 0, max: 9 }),
        vFree: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
        vFilter: fc.constantFrom({ colours: ['RED'] }, null, { page: { first: 1 } }),
        vId: fc.constantFrom('i', 5),
        vYes: fc.boolean(),
        vList: fc.constantFrom([1, null], 3, null),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ calls, variables }) => {
    const fields = calls.map(([args, directive], index) => {
      const list = Object.entries(args).map(([name, value]) => `${name}: ${value}`)
      const call = `e${index}: echo${list.length > 0 ? `(${list.join(', ')})` : ''} ${directive}`
      return index % 2 === 0 ? call : `self { ${call} }`
    })
    // Every variable that is declared is used.
    const used =
      'used: echo(text: $vText, list: [$vInt, $vDefault, $vAbsent], need: $vNeed, free: [$vFree], id: $vId, yes: $vYes, colour: $vColour) self { echo(list: $vList, filter: $vFilter) }'
    return { query: `query (${DECLARED}) { ${fields.join(' ')} ${used} }`, variables: { vNeed: 6, ...variables } }
  })
