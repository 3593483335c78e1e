// Compiles an aggregation expression to a function over documents. The operators are the lines of the registry;
// everything else is refused.
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import type { Context, Expression } from './context.ts'
import { expressionOperators } from './expressions/registry.ts'
import { fieldAt } from './field-path.ts'
import { unsupportedExpressions, unsupportedVariables } from './unsupported.ts'

export function compileExpression(spec: Value, context: Context): Expression {
  if (typeof spec === 'string') return spec.startsWith('$') ? compileReference(spec, context) : () => spec
  if (Array.isArray(spec)) {
    const items = spec.map((item) => compileExpression(item, context))
    // In an array there is no missing; it becomes null.
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

/** The variables that every expression may name; `$$NOW` is the context's. */
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
