// The one table of the JSON Schema keywords (2020-12) that a schema of free data may use. It says what each keyword holds, and what its
// value must be. Ajv knows the same rules, but the messages here are easier to understand. A test compares the table with Ajv.

/** What a keyword holds: a schema, a list of schemas, a map of schemas, or another value. */
export type Holds = 'schema' | 'list' | 'map' | 'value'

export type Keyword = {
  holds: Holds
  /** For messages: `a number above 0`. */
  expected: string
  fits(value: unknown): boolean
  /** The keyword has an effect only beside one of these. Example: `minContains` only beside `contains`. */
  beside?: readonly string[]
}

const TYPES = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string']

const isText = (value: unknown) => typeof value === 'string'
const isTrueOrFalse = (value: unknown) => typeof value === 'boolean'
const isNumber = (value: unknown) => typeof value === 'number'
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const isList = (value: unknown): value is unknown[] => Array.isArray(value)
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !isList(value)
const isSchema = (value: unknown) => isObject(value) || isTrueOrFalse(value)
const isType = (value: unknown) => isText(value) && TYPES.includes(value as string)
const isNames = (value: unknown) => isList(value) && value.every(isText) && new Set(value).size === value.length

/** The rule for a schema: for the root, and for each schema in a list or map. */
export const SCHEMA: Keyword = { holds: 'schema', expected: 'a schema: an object, true or false', fits: isSchema }
const SCHEMAS: Keyword = {
  holds: 'list',
  expected: 'a list of at least one schema',
  fits: (value) => isList(value) && value.length > 0,
}
const NAMED_SCHEMAS: Keyword = {
  holds: 'map',
  expected: 'an object of schemas',
  fits: isObject,
}
const value = (expected: string, fits: Keyword['fits']): Keyword => ({ holds: 'value', expected, fits })
const TEXT = value('text', isText)
const TRUE_OR_FALSE = value('true or false', isTrueOrFalse)
const NUMBER = value('a number', isNumber)
const COUNT = value('a whole number of at least 0', isCount)
const ANY = value('any value', () => true)

export const KEYWORDS: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ['type', value(`one of ${TYPES.join(', ')}, or a list of some of them`, isTypes)],
  ['enum', value('a list of at least one value', (given) => isList(given) && given.length > 0)],
  ['const', ANY],
  ['multipleOf', value('a number above 0', (given) => isNumber(given) && (given as number) > 0)],
  ...same(NUMBER, 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum'),
  ...same(COUNT, 'maxLength', 'minLength', 'maxItems', 'minItems', 'maxProperties', 'minProperties'),
  ['pattern', TEXT],
  ['uniqueItems', TRUE_OR_FALSE],
  ...same({ ...COUNT, beside: ['contains'] }, 'maxContains', 'minContains'),
  ['required', value('a list of names, each once', isNames)],
  ['dependentRequired', value('an object of lists of names, each once', isNamesByName)],
  ...same(SCHEMAS, 'allOf', 'anyOf', 'oneOf', 'prefixItems'),
  ...same(NAMED_SCHEMAS, 'properties', 'patternProperties', 'dependentSchemas'),
  ...same(SCHEMA, 'not', 'contains', 'additionalProperties', 'propertyNames'),
  ...same(SCHEMA, 'unevaluatedItems', 'unevaluatedProperties'),
  ['items', { ...SCHEMA, expected: `${SCHEMA.expected} (a list of schemas is \`prefixItems\`)` }],
  ['if', { ...SCHEMA, beside: ['then', 'else'] }],
  ...same({ ...SCHEMA, beside: ['if'] }, 'then', 'else'),
  ['$ref', TEXT],
  // Annotations. They check nothing in the data.
  ...same(TEXT, '$comment', 'title', 'description', 'format', 'contentEncoding', 'contentMediaType'),
  ...same(TRUE_OR_FALSE, 'deprecated', 'readOnly', 'writeOnly'),
  ['examples', value('a list of values', isList)],
  ['default', ANY],
  ['contentSchema', { ...SCHEMA, beside: ['contentMediaType'] }],
])

/** Keywords that are allowed at the root only. */
export const ROOT_KEYWORDS: ReadonlyMap<string, Keyword> = new Map([
  ['$schema', TEXT],
  ['$defs', NAMED_SCHEMAS],
])

const BY_REF = 'name what is used in several places in `$defs`, and refer to it by `$ref`: `#/$defs/<name>`'

/** A keyword of a current or older JSON Schema that is not allowed -> what to write instead. */
export const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['definitions', BY_REF],
  ...['$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveAnchor', '$recursiveRef'].map(
    (name) => [name, BY_REF] as const,
  ),
  ...['$id', 'id', '$vocabulary'].map((name) => [name, 'leave it out: a schema stands for itself here'] as const),
  ['dependencies', 'use `dependentRequired` for lists of names, and `dependentSchemas` for schemas'],
  ['additionalItems', 'use `items`, which is for all items after those of `prefixItems`'],
])

function isTypes(given: unknown): boolean {
  return isList(given) ? given.length > 0 && given.every(isType) && isNames(given) : isType(given)
}

function isNamesByName(given: unknown): boolean {
  return isObject(given) && Object.values(given).every(isNames)
}

function same(keyword: Keyword, ...names: string[]): [string, Keyword][] {
  return names.map((name) => [name, keyword])
}
