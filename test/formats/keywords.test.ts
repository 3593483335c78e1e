// Every keyword of JSON Schema, of 2020-12 and of draft-07: taken, or refused in words that say what to write instead; and numbers
// are divided as the decimals that people write.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { dataMistake, schemaCompiler } from '../../common/formats/data-schema.ts'
import { INSTEAD, KEYWORDS, ROOT_KEYWORDS } from '../../common/formats/schema-keywords.ts'
import { schemaMistake } from '../../common/formats/schema-mistake.ts'

/** Of 2020-12: core, applicator, unevaluated, validation, meta-data, format and content vocabularies; then draft-07's own. */
const SPECIFIED = `$schema $id $ref $anchor $dynamicRef $dynamicAnchor $vocabulary $comment $defs
  prefixItems items contains additionalProperties properties patternProperties dependentSchemas propertyNames if then else
  allOf anyOf oneOf not unevaluatedItems unevaluatedProperties type enum const multipleOf maximum exclusiveMaximum minimum
  exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains maxProperties
  minProperties required dependentRequired title description default deprecated readOnly writeOnly examples format
  contentEncoding contentMediaType contentSchema definitions dependencies additionalItems`.split(/\s+/)

/** Words of Ajv, and of nobody else. */
const INTERNAL =
  /strict mode|must NOT|must match|^must be (number|string|array|object)$|schema is invalid|\bit\/|keyword "|ajv/i

/** What must stand beside it for it to mean something. */
const BESIDE: Record<string, object> = JSON.parse(`{
  "if": {"then": true}, "then": {"if": true}, "else": {"if": true},
  "maxContains": {"contains": true}, "minContains": {"contains": true}, "uniqueItems": {"maxItems": 9},
  "contentSchema": {"contentMediaType": "application/json"}, "$ref": {"$defs": {"a": true}}
}`)

const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 1.5, 0.01, 1e-7, 1e300, '', 'a', 'string', '#/$defs/a', '('],
  ...[[], ['a'], ['a', 'a'], ['string', 'null'], [1], [true], [{}], {}, { a: true }, { a: 1 }, { a: [] }, { a: ['b'] }],
  ...[{ type: 'text' }, { a: { type: 'string' } }, [{ minimum: 'x' }]],
]

describe('A keyword of JSON Schema', () => {
  test('is in one of the tables', () => {
    for (const name of SPECIFIED) {
      expect([name, KEYWORDS.has(name) || ROOT_KEYWORDS.has(name) || INSTEAD.has(name)]).toEqual([name, true])
    }
    expect([...KEYWORDS.keys()].filter((name) => !SPECIFIED.includes(name))).toEqual([])
  })

  test.each([...KEYWORDS.keys()])('%s is taken with every value that JSON Schema gives it, and no other', (name) => {
    let taken = 0
    for (const value of VALUES) {
      const schema = { ...BESIDE[name], [name]: value }
      const mistake = schemaMistake(schema)
      expect(mistake ?? '').not.toMatch(INTERNAL)
      // What we refuse beyond JSON Schema: a pattern that is not RE2's, a reference elsewhere, a list of nothing, an unknown keyword.
      const isOurs =
        /is not a pattern of RE2|must be #\/\$defs|does not exist|at least one value|is not a keyword/.test(
          mistake ?? '',
        )
      if (!isOurs) expect([schema, mistake === undefined]).toEqual([schema, schemaCompiler().validateSchema(schema)])
      if (mistake === undefined) taken += 1
    }
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(name === 'const' || name === 'default' ? VALUES.length + 1 : VALUES.length)
  })

  test.each([...INSTEAD])('%s is refused with what to write instead', (name, instead) => {
    for (const value of VALUES) {
      expect(schemaMistake({ properties: { a: { [name]: value } } })).toBe(
        `#/properties/a: "${name}" is not a keyword that is taken: ${instead}`,
      )
    }
  })

  test('that does not exist is refused with a list of those that do', () => {
    const mistake = schemaMistake({ maximun: 3 })
    expect(mistake).toMatch(
      /^#: "maximun" is not a keyword that is taken; those that are: type, enum, const, multipleOf/,
    )
  })

  test.each([
    [JSON.parse('{"then": true}'), '#: "then" without "if" is ignored: write "if" beside it, or leave it out'],
    [{ minContains: 1 }, '#: "minContains" without "contains" is ignored'],
    [{ if: true }, '#: "if" without "then" and "else" is ignored: write "then" or "else" beside it'],
    [
      { items: [{}] },
      '#/items must be a schema: an object, true or false (a list of schemas is `prefixItems`), but is a list',
    ],
    [{ exclusiveMinimum: true }, '#/exclusiveMinimum must be a number, but is true'],
    [{ multipleOf: 0 }, '#/multipleOf must be a number above 0, but is 0'],
    [{ required: ['a', 'a'] }, '#/required must be a list of names, each once, but is a list'],
    [{ allOf: [true, 'a'] }, '#/allOf/1 must be a schema: an object, true or false, but is "a"'],
    [{ properties: { a: 1 } }, '#/properties/a must be a schema'],
    [{ $defs: [] }, '#/$defs must be an object of schemas, but is a list'],
    [{ enum: [] }, '#/enum must be a list of at least one value, but is a list'],
  ])('is refused in plain words: %j', (schema, said) => {
    expect(schemaMistake(schema)).toContain(said)
  })

  test.each([
    { properties: { a: { type: 'string' } }, patternProperties: { a: { minLength: 1 } } },
    { type: ['string', 'number'], minimum: 1, maxLength: 3 },
    { prefixItems: [{ type: 'number' }], minItems: 5, contains: { const: 1 }, minContains: 0 },
    { contains: true, minContains: 3, maxContains: 2 },
    { required: ['a'], additionalProperties: false },
    { dependentRequired: { a: ['b'] }, dependentSchemas: { a: { required: ['c'] } } },
    { contentMediaType: 'application/json', contentSchema: { type: 'object' } },
  ])('may stand beside others: %j', (schema) => {
    expect(schemaMistake(schema)).toBeUndefined()
    expect(() => dataMistake(JSON.stringify(schema), { a: 'b' })).not.toThrow()
  })
})

describe('multipleOf', () => {
  const isMultiple = (value: number, multipleOf: number) =>
    dataMistake(JSON.stringify({ multipleOf }), value) === undefined

  test.each([
    ...(
      [
        [19.99, 0.01],
        [0.07, 0.01],
        [1.1, 0.1],
        [0.3, 0.1],
        [4.35, 0.01],
        [1e-7, 1e-7],
        [3e-7, 1e-7],
        [1e21, 3],
      ] as const
    ).map(([value, step]) => [value, step, value !== 1e21] as const),
    ...(
      [
        [-19.99, 0.01],
        [0, 0.01],
        [1e300, 1e-300],
        [5e-324, 5e-324],
        [9007199254740991, 1],
        [7, 3.5],
      ] as const
    ).map(([value, step]) => [value, step, true] as const),
    ...(
      [
        [19.995, 0.01],
        [0.07, 0.02],
        [1, 0.3],
        [1e-8, 1e-7],
        [10, 3],
        [1e-300, 1e300],
        [0.1, 0.03],
      ] as const
    ).map(([value, step]) => [value, step, false] as const),
  ])('%d by %d: %s', (value, step, expected) => {
    expect(isMultiple(value, step)).toBe(expected)
  })

  test('divides decimals, however many places they have', () => {
    const places = fc.integer({ min: 0, max: 12 })
    const small = fc.integer({ min: 1, max: 999 })
    fc.assert(
      fc.property(small, places, fc.integer({ min: -999_999, max: 999_999 }), (digits, power, times) => {
        const step = Number(`${digits}e-${power}`)
        expect(isMultiple(Number(`${digits * times}e-${power}`), step)).toBe(true)
        const between = Number(`${digits * times * 10 + 1}e-${power + 1}`)
        expect(isMultiple(between, step)).toBe((digits * times * 10 + 1) % (digits * 10) === 0)
      }),
      { numRuns: 2_000 },
    )
  })

  test('says what was expected', () => {
    const schema = JSON.stringify({ properties: { price: { multipleOf: 0.01 } } })
    expect(dataMistake(schema, { price: 1.999 })).toContain('data/price must be a multiple of 0.01')
    expect(dataMistake(schema, { price: 'free' })).toBeUndefined()
  })
})
