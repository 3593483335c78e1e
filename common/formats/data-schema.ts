// Checks free data with a JSON Schema, by Ajv. Operators write the schemas, and schema-mistake.ts checks each one before it is stored.
// Patterns run in RE2, so their time is linear in the length of the text.

import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { LRUCache } from 'lru-cache'
import { RE2JS } from 're2js'
import { parseDecimal } from '../../engine/targeting/decimal.ts'
import { cutText } from '../../engine/text.ts'

/**
 * Compiled schemas by their text. A slot has one schema, and few slots are changed at a time. The cache belongs to the module on
 * purpose. The same text always compiles to the same validator, so all services of a process can share it.
 */
const validators = new LRUCache<string, ValidateFunction>({ max: 200 })
let sharedCompiler: Ajv2020 | undefined

/** Why data does not fit a schema. Undefined when it fits. `schema` is JSON text. */
export function dataMistake(schema: string, data: unknown): string | undefined {
  const validate = validatorOf(schema)
  if (validate(data)) return undefined
  return `needs data that fits its schema, but ${describe(validate.errors![0]!)}`
}

/** Compiles a schema. Throws an Error that says what is wrong with it. */
export function compileSchema(schema: unknown): ValidateFunction {
  const ajv = schemaCompiler()
  try {
    return ajv.compile(schema as object)
  } finally {
    // Otherwise Ajv would keep every compiled schema object for ever.
    if (typeof schema === 'object') ajv.removeSchema(schema as object)
  }
}

/** The only Ajv of the process. It is created at its first use, because that takes time. */
export function schemaCompiler(): Ajv2020 {
  sharedCompiler ??= newCompiler()
  return sharedCompiler
}

function newCompiler(): Ajv2020 {
  const ajv = new Ajv2020({
    // schema-mistake.ts checks the keywords, with better messages.
    strict: false,
    // In 2020-12, `format` is an annotation by default.
    validateFormats: false,
    // Inherited names, such as `constructor`, are not properties of the data.
    ownProperties: true,
    // Each `$ref` becomes a function. Inlining could create code of unlimited size.
    inlineRefs: false,
    addUsedSchema: false,
    logger: false,
    code: { regExp: Object.assign(linearPattern, { code: 'linearPattern' }) },
  })
  // Ajv's own `multipleOf` divides floats, which is inexact.
  ajv.removeKeyword('multipleOf')
  return ajv.addKeyword({
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    compile: multiplesOf,
    error: { message: ({ schema }) => `must be a multiple of ${schema}` },
  })
}

/** A pattern in the form that Ajv expects. Ajv distinguishes patterns by their text. */
function linearPattern(pattern: string) {
  const compiled = RE2JS.compile(pattern)
  return { test: (text: string) => compiled.test(text), toString: () => pattern }
}

function validatorOf(schema: string): ValidateFunction {
  const known = validators.get(schema)
  if (known) return known
  const validate = compileSchema(JSON.parse(schema))
  validators.set(schema, validate)
  return validate
}

/** An error of Ajv as a sentence, with the details that Ajv's own message leaves out. */
function describe({ instancePath, keyword, message, params }: ErrorObject): string {
  const more: Record<string, unknown> = { enum: params.allowedValues, const: params.allowedValue }
  more.additionalProperties = params.additionalProperty
  more.unevaluatedProperties = params.unevaluatedProperty
  const detail = Object.hasOwn(more, keyword) ? `: ${cutText(JSON.stringify(more[keyword]), 200)}` : ''
  return `data${instancePath} ${message}${detail}`
}

/**
 * Returns a function that checks whether a number is a multiple of `step` (above 0). It compares them as decimals: 19.99 is a
 * multiple of 0.01, but a division of floats says no. JavaScript writes a float as the shortest decimal for it. That is the number
 * in the JSON.
 */
function multiplesOf(step: number): (value: number) => boolean {
  const of = scaled(step)
  return (value) => {
    if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0
    const { digits, power } = scaled(value)
    // 19.99 and 0.01 are 1999 x 10^-2 and 1 x 10^-2. Both become whole numbers of the smaller power of ten.
    const least = Math.min(power, of.power)
    return (digits * 10n ** BigInt(power - least)) % (of.digits * 10n ** BigInt(of.power - least)) === 0n
  }
}

/** The absolute value of the number is `digits` x 10^`power`. */
function scaled(value: number): { digits: bigint; power: number } {
  const { digits, exponent } = parseDecimal(String(value))!
  return { digits: BigInt(digits), power: exponent - digits.length }
}
