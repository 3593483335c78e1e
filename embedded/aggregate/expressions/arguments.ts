// How operators take their arguments (a list, or a document of named arguments), and how they read single values.
import { type CodeName, fail } from '../../errors.ts'
import { field, isDoc, type Maybe, type TypeName, typeOf, type Value } from '../../values.ts'
import type { Expression, Operator } from '../context.ts'

/** An operator on evaluated arguments. `count` is their number, or [least, most]. */
export function over(
  name: string,
  count: number | [number, number] | undefined,
  evaluate: (values: Maybe[]) => Maybe,
): Operator {
  return (operand, context, compile) => {
    const values = listOf(name, operand, count).map((spec) => compile(spec, context))
    return (scope) => evaluate(values.map((value) => value(scope)))
  }
}

/** The arguments that stand in the operand. One argument needs no list. */
export function listOf(name: string, operand: Value, count: number | [number, number] | undefined): Value[] {
  const specs = Array.isArray(operand) ? operand : [operand]
  if (typeof count === 'number' && specs.length !== count) {
    fail('Location16020', `Expression ${name} takes exactly ${count} arguments. ${specs.length} were passed in.`)
  }
  if (Array.isArray(count) && (specs.length < count[0] || specs.length > count[1])) {
    fail(
      'Location28667',
      `Expression ${name} takes at least ${count[0]} arguments, and at most ${count[1]}, but ${specs.length} were passed in.`,
    )
  }
  return specs
}

/** The error codes of MongoDB for a document of named arguments. */
export interface NamedCodes {
  notDocument: CodeName
  unknown: CodeName
  /** The required arguments, each with the code for its absence. */
  required: Record<string, CodeName>
  optional?: readonly string[]
}

/** The named arguments in the operand, not yet compiled. */
export function namedSpecs(name: string, operand: Value, codes: NamedCodes): Record<string, Value> {
  if (!isDoc(operand)) return fail(codes.notDocument, `${name} only supports an object as its argument`)
  for (const key of Object.keys(operand)) {
    if (!(key in codes.required) && !codes.optional?.includes(key)) {
      fail(codes.unknown, `Unrecognized parameter to ${name}: ${key}`)
    }
  }
  for (const [key, code] of Object.entries(codes.required)) {
    if (field(operand, key) === undefined) fail(code, `Missing '${key}' parameter to ${name}`)
  }
  return operand
}

/** An operator on evaluated named arguments. `given` are the names that stand in the operand. */
export function overNamed(
  name: string,
  codes: NamedCodes,
  evaluate: (values: Record<string, Maybe>, given: ReadonlySet<string>) => Maybe,
): Operator {
  return (operand, context, compile) => {
    const specs = namedSpecs(name, operand, codes)
    const given = new Set(Object.keys(specs))
    const values = Object.entries(specs).map(([key, spec]): [string, Expression] => [key, compile(spec, context)])
    return (scope) => evaluate(Object.fromEntries(values.map(([key, value]) => [key, value(scope)])), given)
  }
}

export function isNullish(value: Maybe): value is null | undefined {
  return value === undefined || value === null
}

export function typeName(value: Maybe): TypeName | 'missing' {
  return value === undefined ? 'missing' : typeOf(value)
}

export function wholeNumber(value: Maybe, code: CodeName, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 0x8000_0000) return value
  return fail(code, `${what} must be representable as a 32-bit integer, but found ${typeName(value)}`)
}

/** Throws if MongoDB forbids this name of a user's variable. */
export function checkVariable(name: string): void {
  if (name === '') fail('Location16866', 'empty variable names are not allowed')
  if (!/^[a-z\u0080-\u{10ffff}]/u.test(name)) {
    fail('Location16867', `'${name}' starts with an invalid character for a user variable name`)
  }
  if (!/^[a-zA-Z0-9_\u0080-\u{10ffff}]+$/u.test(name)) {
    fail('Location16868', `'${name}' contains an invalid character for a variable name`)
  }
}
