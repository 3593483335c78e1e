// Compiles an aggregation expression, such as { $add: ["$price", 1] }, to a function over documents. The operators are
// the tables of expressions/ and of the accumulators. Everything else is refused.
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { unsupportedExpressions, unsupportedVariables } from '../unsupported.ts'
import { type Doc, field, isDoc, type Maybe, type Value } from '../values.ts'
import { accumulatorExpressions } from './accumulators.ts'
import type { Context, Expression, Operator } from './context.ts'
import { arithmetic } from './expressions/arithmetic.ts'
import { arrays } from './expressions/arrays.ts'
import { conversion } from './expressions/conversion.ts'
import { dateFormat } from './expressions/date-format.ts'
import { dates } from './expressions/dates.ts'
import { logic } from './expressions/logic.ts'
import { objects } from './expressions/objects.ts'
import { strings } from './expressions/strings.ts'
import { bindings } from './expressions/variables.ts'

export function compileExpression(spec: Value, context: Context): Expression {
  if (typeof spec === 'string') return spec.startsWith('$') ? compileReference(spec, context) : () => spec
  if (Array.isArray(spec)) {
    const items = spec.map((item) => compileExpression(item, context))
    // A missing value in an array becomes null.
    return (scope) => items.map((item) => item(scope) ?? null)
  }
  if (!isDoc(spec)) return () => spec
  const names = Object.keys(spec)
  if (names[0]?.startsWith('$')) {
    if (names.length > 1)
      fail(
        'Location15983',
        `an expression specification must contain exactly one field, the name of the expression. Found ${names.length} fields`,
      )
    return compileOperator(names[0], spec[names[0]]!, context)
  }
  const fields = names.map((name) => {
    if (name === '') fail('Location15998', 'FieldPath field names may not be empty strings')
    if (name.includes('.')) fail('Location16412', `FieldPath field names may not contain '.' ('${name}')`)
    if (name.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$' ('${name}')`)
    return { name, value: compileExpression(spec[name]!, context) }
  })
  return (scope) => {
    const result: Doc = {}
    for (const { name, value } of fields) {
      const made = value(scope)
      if (made !== undefined) result[name] = made
    }
    return result
  }
}

function compileOperator(name: string, operand: Value, context: Context): Expression {
  const make = Object.hasOwn(expressionOperators, name) ? expressionOperators[name] : undefined
  if (make !== undefined) return make(operand, context, compileExpression)
  if (unsupportedExpressions.has(name)) return notImplemented(`the aggregation expression ${name}`)
  return fail('InvalidPipelineOperator', `Unrecognized expression '${name}'`)
}

/** The variables that every expression may name. */
export const systemVariables: Record<string, (context: Context) => Expression> = {
  ROOT: () => (scope) => scope.doc,
  CURRENT: () => (scope) => scope.doc,
  NOW: (context) => () => context.now,
  REMOVE: () => () => undefined,
}

function compileReference(reference: string, context: Context): Expression {
  if (!reference.startsWith('$$')) {
    const parts = checkedParts(reference.slice(1))
    return ({ doc }) => fieldAt(doc, parts, 0)
  }
  const [name, ...rest] = checkedParts(reference.slice(2)) as [string, ...string[]]
  const own = context.variables.get(name)
  const read = own ?? (Object.hasOwn(systemVariables, name) ? systemVariables[name]!(context) : undefined)
  if (read === undefined) {
    if (unsupportedVariables.has(name)) return notImplemented(`the variable $$${name}`)
    return fail('Location17276', `Use of undefined variable: ${name}`)
  }
  return rest.length === 0 ? read : (scope) => fieldAt(read(scope), rest, 0)
}

function checkedParts(path: string): readonly string[] {
  if (path === '') fail('Location16872', "'$' by itself is not a valid FieldPath")
  const parts = splitPath(path)
  for (const part of parts) {
    if (part === '') fail('Location15998', `FieldPath field names may not be empty strings: '${path}'`)
    if (part.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$': '${path}'`)
  }
  return parts
}

const literal: Operator = (operand) => () => operand

export const expressionOperators: Record<string, Operator> = {
  $literal: literal,
  ...logic,
  ...arithmetic,
  ...arrays,
  ...bindings,
  ...objects,
  ...strings,
  ...conversion,
  ...dates,
  ...dateFormat,
  ...accumulatorExpressions,
}

/** An array on the path gives an array of the values in its documents. Unlike in filters, "0" is no position. */
export function fieldAt(value: Maybe, parts: readonly string[], at: number): Maybe {
  if (at === parts.length) return value
  if (!Array.isArray(value)) return isDoc(value) ? fieldAt(field(value, parts[at]!), parts, at + 1) : undefined
  return value.flatMap((element): Value[] => {
    const inner = isDoc(element) ? fieldAt(element, parts, at) : undefined
    return inner === undefined ? [] : [inner]
  })
}
