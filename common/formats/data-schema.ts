// The JSON Schema of free data, run by Ajv. Schemas come from operators: what is run here was checked when it was
// written, and its patterns run through RE2, which takes time linear in the text.

import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { RE2JS } from 're2js'
import { cutText } from '../../engine/text.ts'
import { multiplesOf } from './multiple.ts'

/** How many compiled schemas are kept. A slot has one, and few slots are worked on at a time. */
const MAX_KEPT = 200

const kept = new Map<string, ValidateFunction>()
let shared: Ajv2020 | undefined

/** Why data does not fit a schema (JSON text that was checked when it was written); undefined when it does. */
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
    // Ajv keeps every object that it compiled, for ever, by its identity.
    if (typeof schema === 'object') ajv.removeSchema(schema as object)
  }
}

/** The one Ajv, made when it is first asked for. */
export function schemaCompiler(): Ajv2020 {
  shared ??= newCompiler()
  return shared
}

function newCompiler(): Ajv2020 {
  const ajv = new Ajv2020({
    // Which keywords there are, and what stands beside what, is for schema-mistake.ts to say.
    strict: false,
    // `format` is an annotation in 2020-12 unless a validator is told otherwise.
    validateFormats: false,
    // What objects inherit, as `constructor`, is no property of data.
    ownProperties: true,
    // Every `$ref` is a function of its own: written out, they could make code without end.
    inlineRefs: false,
    addUsedSchema: false,
    logger: false,
    code: { regExp: Object.assign(linearPattern, { code: 'linearPattern' }) },
  })
  // Ajv's own divides floats.
  ajv.removeKeyword('multipleOf')
  return ajv.addKeyword({
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    compile: multiplesOf,
    error: { message: ({ schema }) => `must be a multiple of ${schema}` },
  })
}

/** A pattern as Ajv wants it. Ajv tells patterns apart by their text. */
function linearPattern(pattern: string) {
  const compiled = RE2JS.compile(pattern)
  return { test: (text: string) => compiled.test(text), toString: () => pattern }
}

function validatorOf(schema: string): ValidateFunction {
  const known = kept.get(schema)
  if (known) return known
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!)
  const validate = compileSchema(JSON.parse(schema))
  kept.set(schema, validate)
  return validate
}

/** An error of Ajv as people read it, with what its own message leaves out. */
function describe({ instancePath, keyword, message, params }: ErrorObject): string {
  const more: Record<string, unknown> = { enum: params.allowedValues, const: params.allowedValue }
  more.additionalProperties = params.additionalProperty
  more.unevaluatedProperties = params.unevaluatedProperty
  const detail = Object.hasOwn(more, keyword) ? `: ${cutText(JSON.stringify(more[keyword]), 200)}` : ''
  return `data${instancePath} ${message}${detail}`
}
