// Compiles an aggregation expression to a function over documents. The operators are lines of the table in
// operators.ts; everything else is refused. `undefined` is MongoDB's "missing".
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { type Doc, field, isDoc, type Maybe, type Value } from '../values.ts'
import { expressionOperators } from './operators.ts'

/** A document and the variables in scope. */
export interface Scope {
  doc: Doc
  variables: Readonly<Record<string, Maybe>>
}
export type Expression = (scope: Scope) => Maybe

export function compileExpression(spec: Value): Expression {
  if (typeof spec === 'string') return spec.startsWith('$') ? compileReference(spec) : () => spec
  if (Array.isArray(spec)) {
    const items = spec.map(compileExpression)
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
    return compileOperator(names[0], spec[names[0]]!)
  }
  const fields = names.map((name) => {
    if (name.includes('.')) fail('Location16412', `FieldPath field names may not contain '.' ('${name}')`)
    if (name.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$' ('${name}')`)
    return { name, value: compileExpression(spec[name]!) }
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

function compileOperator(name: string, operand: Value): Expression {
  const make = Object.hasOwn(expressionOperators, name) ? expressionOperators[name] : undefined
  if (make === undefined) return notImplemented(`the aggregation expression ${name}`)
  return make(operand, compileExpression)
}

function compileReference(reference: string): Expression {
  if (!reference.startsWith('$$')) {
    const parts = checkedParts(reference.slice(1))
    return ({ doc }) => fieldAt(doc, parts, 0)
  }
  const [name, ...rest] = checkedParts(reference.slice(2)) as [string, ...string[]]
  if (name === 'ROOT' || name === 'CURRENT') return ({ doc }) => fieldAt(doc, rest, 0)
  return notImplemented(`the variable $$${name}`)
}

function checkedParts(path: string): readonly string[] {
  const parts = splitPath(path)
  for (const part of parts) {
    if (part === '') fail('Location15998', `FieldPath field names may not be empty strings: '${path}'`)
    if (part.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$': '${path}'`)
  }
  return parts
}

/** Of an array on the way, an array of what the documents in it have there; positions mean nothing in expressions. */
function fieldAt(value: Maybe, parts: readonly string[], at: number): Maybe {
  if (at === parts.length) return value
  if (!Array.isArray(value)) return isDoc(value) ? fieldAt(field(value, parts[at]!), parts, at + 1) : undefined
  return value.flatMap((element): Value[] => {
    const inner = isDoc(element) ? fieldAt(element, parts, at) : undefined
    return inner === undefined ? [] : [inner]
  })
}
