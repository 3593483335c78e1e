import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { dataMistake } from '../../common/formats/data-schema.ts'
import { type FormattedContent, formatMistakes, hasRatio, type SlotFormat } from '../../common/formats/format.ts'
import { SCHEMA_LIMITS, schemaMistake } from '../../common/formats/schema-mistake.ts'

const ANYTHING: SlotFormat = { required: [], image: null, dataSchema: null }
const NOTHING: FormattedContent = { text: null, image: null, link: null, data: null }

const mistakes = (format: Partial<SlotFormat>, content: Partial<FormattedContent> = {}) =>
  formatMistakes({ ...ANYTHING, ...format }, { ...NOTHING, ...content })

describe('A format', () => {
  test('that is missing, or requires nothing, fits everything', () => {
    expect(formatMistakes(null, NOTHING)).toEqual([])
    expect(mistakes({})).toEqual([])
  })

  test('says each field that is required and missing', () => {
    const required = ['text', 'image', 'link', 'data'] as const
    expect(mistakes({ required: [...required] })).toEqual([
      'needs a text',
      'needs an image',
      'needs a link',
      'needs data',
    ])
    const whole = { text: 'T', image: { width: null, height: null }, link: 'https://a.example', data: 0 }
    expect(mistakes({ required: [...required] }, whole)).toEqual([])
  })

  test('asks for a size only where there is an image, and then for one that is known', () => {
    const image = { width: 1200, height: 600, ratio: null }
    expect(mistakes({ image })).toEqual([])
    expect(mistakes({ image }, { image: { width: 1200, height: 600 } })).toEqual([])
    expect(mistakes({ image }, { image: { width: 1200, height: 400 } })).toEqual([
      'needs an image of 1200 x 600, but it is 1200 x 400',
    ])
    expect(mistakes({ image }, { image: { width: 1200, height: null } })).toEqual([
      'needs an image of 1200 x 600, but it is of unknown size',
    ])
  })

  test('asks for one side, a ratio, or both', () => {
    const image = { width: 1200, height: 400 }
    expect(mistakes({ image: { width: null, height: null, ratio: '16:9' } }, { image })).toEqual([
      'needs an image of 16:9, but it is 1200 x 400',
    ])
    expect(mistakes({ image: { width: 800, height: null, ratio: '3:1' } }, { image })).toEqual([
      'needs an image 800 pixels wide of 3:1, but it is 1200 x 400',
    ])
    expect(mistakes({ image: { width: null, height: 300, ratio: null } }, { image })).toEqual([
      'needs an image 300 pixels high, but it is 1200 x 400',
    ])
    expect(mistakes({ image: { width: 1200, height: null, ratio: '3:1' } }, { image })).toEqual([])
  })

  test('accepts a ratio that is right to less than one pixel', () => {
    for (const [width, height] of [
      [1366, 768],
      [1920, 1080],
      [1365, 768],
      [854, 480],
    ] as const) {
      expect(hasRatio({ width, height }, '16:9')).toBe(true)
    }
    expect(hasRatio({ width: 1368, height: 768 }, '16:9')).toBe(false)
    expect(hasRatio({ width: 1920, height: 1082 }, '16:9')).toBe(false)
    expect(hasRatio({ width: 1080, height: 1920 }, '16:9')).toBe(false)
  })

  test('takes every size that was made of a ratio by rounding either side', () => {
    const side = fc.integer({ min: 1, max: 20_000 })
    const part = fc.integer({ min: 1, max: 9_999 })
    fc.assert(
      fc.property(side, part, part, fc.constantFrom(Math.floor, Math.round, Math.ceil), (given, wide, high, whole) => {
        const size = { width: given, height: whole((given * high) / wide) }
        expect(hasRatio(size, `${wide}:${high}`)).toBe(true)
        expect(hasRatio({ width: size.height, height: size.width }, `${high}:${wide}`)).toBe(true)
      }),
    )
  })

  test('says where data does not fit its schema, and by what', () => {
    const properties = { count: { type: 'integer' }, kind: { enum: ['a', 'b'] }, code: { pattern: '^[A-Z]+$' } }
    const dataSchema = JSON.stringify({ type: 'object', properties, required: ['count'], additionalProperties: false })
    const said = (data: unknown) => mistakes({ dataSchema }, { data })[0]
    expect(mistakes({ dataSchema })).toEqual([])
    expect(said({ count: 1, kind: 'a', code: 'XY' })).toBeUndefined()
    expect(said({})).toBe("needs data that fits its schema, but data must have required property 'count'")
    expect(said({ count: 'x' })).toContain('data/count must be integer')
    expect(said({ count: 1, kind: 'c' })).toContain('data/kind must be equal to one of the allowed values: ["a","b"]')
    expect(said({ count: 1, more: 1 })).toContain('must NOT have additional properties: "more"')
    expect(said({ count: 1, code: 'xy' })).toContain('data/code must match pattern "^[A-Z]+$"')
    expect(mistakes({ dataSchema: 'false' }, { data: {} })[0]).toContain('boolean schema is false')
  })

  test('never takes for a property what objects inherit', () => {
    expect(dataMistake(JSON.stringify({ required: ['toString'] }), {})).toContain('toString')
    expect(dataMistake(JSON.stringify({ properties: { constructor: { type: 'string' } } }), {})).toBeUndefined()
  })

  test('keeps schemas apart when there are more than the cache holds', () => {
    const schemaOf = (index: number) => JSON.stringify({ const: index })
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 250; index++) {
        expect(dataMistake(schemaOf(index), index)).toBeUndefined()
        expect(dataMistake(schemaOf(index), index + 1)).toContain('must be equal to constant')
      }
    }
  })
})

describe('The schema of data', () => {
  const deep = (levels: number): object => (levels === 1 ? {} : { not: deep(levels - 1) })
  const long = (characters: number) => ({ title: 'x'.repeat(characters - '{"title":""}'.length) })

  test.each([
    [true],
    [false],
    [{}],
    [{ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' }],
    [{ $defs: { name: { type: 'string' } }, properties: { first: { $ref: '#/$defs/name' } } }],
    [{ prefixItems: [{ type: 'number' }], items: false }],
    [{ properties: { mail: { type: 'string', format: 'email' } } }],
    [{ properties: { $ref: { type: 'string' }, constructor: true }, enum: [{ $ref: 1, unknown: 2 }] }],
    [{ uniqueItems: true, maxItems: 100 }],
    [{ patternProperties: { '^x-\\p{L}+$': { pattern: '^https://' } } }],
    [{ if: { required: ['a'] }, else: { required: ['b'] }, unevaluatedProperties: false }],
    [deep(SCHEMA_LIMITS.depth)],
    [long(SCHEMA_LIMITS.characters)],
  ])('may be %j', (schema) => {
    expect(schemaMistake(schema)).toBeUndefined()
  })

  test.each([
    ['a list', [], 'an object, true or false'],
    ['a text', 'string', 'an object, true or false'],
    ['of another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'no other $schema'],
    [
      'with an unknown type',
      { properties: { a: { type: 'text' } } },
      '#/properties/a/type must be one of array, boolean',
    ],
    ['with a limit that is no number', { minimum: '1' }, '#/minimum must be a number, but is "1"'],
    ['with an unknown keyword', { properties: { a: { tpye: 'string' } } }, '#/properties/a: "tpye" is not a keyword'],
    ['of the other time', { $async: true }, '"$async" is not a keyword'],
    ['with an id of its own', { $id: 'https://a.example' }, '"$id" is not a keyword'],
    ['that refers to another document', { $ref: 'https://a.example/schema' }, 'must be #/$defs/<name>'],
    ['that refers to a file', { items: { $ref: 'other.json#/$defs/a' } }, '#/items/$ref: must be #/$defs/<name>'],
    ['that refers to itself', { properties: { child: { $ref: '#' } } }, 'must be #/$defs/<name>'],
    ['that refers to nothing', { $ref: '#/$defs/toString' }, '#/$defs/toString does not exist'],
    ['that refers dynamically', { $dynamicRef: '#a' }, '"$dynamicRef" is not a keyword'],
    ['with definitions inside', { not: { $defs: {} } }, '"$defs" stands only at the root'],
    ['with a wrong definition that nothing uses', { $defs: { a: { foo: 1 } } }, '#/$defs/a: "foo" is not a keyword'],
    ['with if and neither then nor else', { if: true }, '"if" without "then" and "else" is ignored'],
    ['with a broken pattern', { pattern: '(' }, '#/pattern: "(" is not a pattern of RE2'],
    ['with a pattern that looks ahead', { pattern: '(?=a)' }, 'is not a pattern of RE2'],
    ['with a pattern that refers back', { patternProperties: { '(a)\\1': true } }, 'is not a pattern of RE2'],
    ['with endless unique items', { uniqueItems: true }, 'uniqueItems needs a maxItems of at most 100'],
    ['with many unique items', { uniqueItems: true, maxItems: 101 }, 'uniqueItems needs a maxItems of at most 100'],
    ['one level too deep', deep(SCHEMA_LIMITS.depth + 1), 'at most 32 deep'],
    ['one character too long', long(SCHEMA_LIMITS.characters + 1), 'at most 10000 characters'],
    ['deeper than the stack', JSON.parse(`${'{"not":'.repeat(5_000)}{}${'}'.repeat(5_000)}`), 'at most 32 deep'],
  ])('may not be %s', (_, schema, said) => {
    expect(schemaMistake(schema)).toContain(said)
  })

  test('may not go in a circle, however long', () => {
    const $defs = { a: { items: { $ref: '#/$defs/b' } }, b: { $ref: '#/$defs/c' }, c: { not: { $ref: '#/$defs/a' } } }
    expect(schemaMistake({ $defs, $ref: '#/$defs/b' })).toContain('must not go in a circle: b -> c -> a -> b')
  })

  test('may not double its work from definition to definition', () => {
    const twice = (name: string) => ({ allOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }] })
    const doubling = (levels: number) => {
      const $defs = Object.fromEntries(
        Array.from({ length: levels }, (_, at) => [`d${at}`, at ? twice(`d${at - 1}`) : {}]),
      )
      return { $defs, $ref: `#/$defs/d${levels - 1}` }
    }
    expect(schemaMistake(doubling(8))).toBeUndefined()
    expect(schemaMistake(doubling(60))).toContain('asks for too much work')
    expect(schemaMistake({ anyOf: Array(4).fill({ pattern: '(x+y*){300}z' }) })).toContain('asks for too much work')
    const unique = { uniqueItems: true, maxItems: 9 }
    expect(schemaMistake({ allOf: Array(100).fill(unique) })).toContain('asks for too much work')
  })

  test('may not hide work in patterns that repeat themselves, nor make the checking do it', () => {
    expect(schemaMistake({ pattern: '^[a-z0-9]{1,64}(-[a-z0-9]{1,64}){1,3}$' })).toBeUndefined()
    expect(schemaMistake({ pattern: '(a|b)*a(a|b){900}' })).toContain('asks for too much work')
    expect(schemaMistake({ pattern: 'a{9}'.repeat(126) })).toContain(
      '#/pattern: a pattern must be at most 500 characters',
    )
    const long = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`${at}a{1000}`, true]))
    // Were each of them written out, the message would say hundreds of times as much.
    expect(schemaMistake({ patternProperties: { ...long } })).toMatch(/asks for too much work: \d{4} steps/)
  })

  test('of whatever shape is taken or refused in words, and never brings the checking down', () => {
    const keyword = fc.constantFrom(
      ...'$ref $defs type properties items not enum pattern uniqueItems allOf if'.split(' '),
    )
    const few = { maxKeys: 3, maxLength: 3 }
    const schema = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom<unknown>(true, false, 1, 'a', '(', '#/$defs/type', 'string', ['type'], null),
        fc.dictionary(keyword, tie('value'), few),
        fc.array(tie('value'), few),
      ),
    })).value
    fc.assert(
      fc.property(schema, (given) => {
        const mistake = schemaMistake(given)
        if (mistake !== undefined) expect(mistake).toMatch(/\w/)
        else dataMistake(JSON.stringify(given), { a: [1, 'x', null] })
      }),
      { numRuns: 2_000 },
    )
  })
})
