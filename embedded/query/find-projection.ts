// Projections of find and findAndModify: fields and expressions as in `$project`, and the array operators `$slice` and
// `$elemMatch`, which only these commands have.
import type { Context } from '../aggregate/context.ts'

import { newContext } from '../aggregate/context.ts'
import { compileProject } from '../aggregate/projection.ts'
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { type Doc, field, isDoc, type Maybe, show, type Value } from '../values.ts'
import { elementTest } from './conditions.ts'
import { compileInnerFilter } from './filter.ts'

type Change = (doc: Doc) => Doc

/** The table of projection operators. Expressions are possible, too. */
export const projectionOperators: Record<string, (path: string, operand: Value) => Change> = {
  $slice: (path, operand) => {
    const parts = splitPath(path)
    const slice = sliceOf(operand)
    return (doc) => sliceAt(doc, parts, 0, slice) as Doc
  },
  $elemMatch: (path, operand) => {
    if (path.includes('.')) fail('Location31275', 'Cannot use $elemMatch projection on a nested field.')
    if (!isDoc(operand)) fail('Location31274', `elemMatch: Invalid argument, object required, but got ${show(operand)}`)
    const test = elementTest(operand, compileInnerFilter)
    return (doc) => {
      const { [path]: value, ...rest } = doc
      const found = Array.isArray(value) ? value.find(test) : undefined
      // The field stands after those that are kept.
      return found === undefined ? rest : { ...rest, [path]: [found] }
    }
  },
}

export function compileProjection(spec: Value, context: Context = newContext()): Change {
  if (!isDoc(spec)) return fail('TypeMismatch', 'a projection must be an object')
  const fields: Doc = {}
  const sliced: [string, Change][] = []
  const matched: [string, Change][] = []
  for (const [path, value] of Object.entries(spec)) {
    const operator = operatorOf(value)
    if (operator === undefined) {
      fields[path] = nestedChecked(path, value)
      continue
    }
    checkPath(path)
    const change = projectionOperators[operator]!(path, (value as Doc)[operator]!)
    ;(operator === '$slice' ? sliced : matched).push([path, change])
  }
  const names = Object.keys(fields)
  const excludes = names.some((name) => (name !== '_id' || names.length === 1) && isOff(fields[name]!))
  if (matched.length > 0 && names.some((name) => name !== '_id' && isOff(fields[name]!))) {
    notImplemented('a projection with $elemMatch that excludes fields')
  }
  // Refused, because the new fields would have to stand in the order of the projection.
  if (matched.length > 0 && Object.values(fields).some(isComputed)) {
    notImplemented('a projection with $elemMatch and an expression')
  }
  // `$elemMatch` keeps the named fields only. `$slice` alone keeps all fields.
  const inclusive = matched.length > 0 || (names.length > 0 && !excludes)
  const kept: Doc = { ...fields }
  if (inclusive) for (const [path] of [...sliced, ...matched]) kept[path] = true
  const project = Object.keys(kept).length === 0 ? (doc: Doc) => doc : compileProject(kept, context)
  const changes = [...sliced, ...matched].map(([, change]) => change)
  return (doc) => changes.reduce((result, change) => change(result), project(doc))
}

/** The projection operator, if it is one. `$slice` with a first argument that is not a number is an expression. */
function operatorOf(value: Value): string | undefined {
  const name = isDoc(value) ? Object.keys(value)[0] : undefined
  if (name === undefined || !Object.hasOwn(projectionOperators, name)) return undefined
  const operand = (value as Doc)[name]!
  if (name === '$slice' && Array.isArray(operand) && typeof operand[0] !== 'number') return undefined
  return name
}

function nestedChecked(path: string, value: Value): Value {
  if (path.endsWith('.$') || path === '$') notImplemented('the positional projection')
  if (isDoc(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (name === '$meta') notImplemented('the projection operator $meta')
      if (operatorOf(inner) !== undefined && !name.startsWith('$'))
        notImplemented(`a projection operator in a nested document (of '${path}')`)
    }
  }
  return value
}

function isComputed(value: Value): boolean {
  if (!isDoc(value)) return typeof value !== 'number' && typeof value !== 'boolean'
  return Object.keys(value)[0]?.startsWith('$') || Object.values(value).some(isComputed)
}

function isOff(value: Value): boolean {
  return value === false || value === 0
}

function checkPath(path: string): void {
  if (splitPath(path).some((part) => part === '' || part.startsWith('$')))
    fail('Location16410', `Invalid field path '${path}'`)
}

function sliceOf(operand: Value): (list: Value[]) => Value[] {
  if (typeof operand === 'number') {
    const count = Math.trunc(operand)
    return (list) => (count >= 0 ? list.slice(0, count) : list.slice(count))
  }
  if (!Array.isArray(operand) || operand.length !== 2) {
    return fail(
      'Location28667',
      `Invalid $slice syntax. The given syntax ${show({ $slice: operand })} did not match the find() syntax`,
    )
  }
  const [skip, limit] = operand
  if (typeof skip !== 'number' || typeof limit !== 'number')
    return notImplemented('$slice by other values than numbers')
  if (limit <= 0) fail('Location28724', '$slice limit must be positive')
  return (list) => {
    const from = skip < 0 ? Math.max(0, list.length + skip) : skip
    return list.slice(from, from + limit)
  }
}

function sliceAt(value: Maybe, parts: readonly string[], at: number, slice: (list: Value[]) => Value[]): Maybe {
  if (at === parts.length) return Array.isArray(value) ? slice(value) : value
  if (Array.isArray(value)) return value.map((element) => sliceAt(element, parts, at, slice)!)
  if (!isDoc(value)) return value
  const inner = sliceAt(field(value, parts[at]!), parts, at + 1, slice)
  return inner === undefined ? value : { ...value, [parts[at]!]: inner }
}
