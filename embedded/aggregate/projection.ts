// The stages that change the fields of each document: `$project`, `$addFields` (`$set`) and `$unset`. Each is compiled
// to a tree of fields. Results are new documents. Values that stay whole are shared with the old one, never changed.

import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { type Doc, field, isDoc, isTruthy, type Maybe, type Value } from '../values.ts'
import type { Context, Expression, Scope } from './context.ts'
import { scopeOf } from './context.ts'
import { compileExpression } from './expression.ts'

/** For each field: `true` keeps (or drops) it whole, an expression computes it, and a tree looks inside. */
type FieldTree = Map<string, true | Expression | FieldTree>

interface Projection {
  inclusive: boolean
  tree: FieldTree
  keepId: boolean
}

export function compileProject(spec: Value, context: Context): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location15969', '$project specification must be an object')
  if (Object.keys(spec).length === 0) fail('Location51272', '$project specification must have at least one field')
  const { inclusive, tree, keepId } = parseProjection(spec, (value) => compileExpression(value, context))
  if (!inclusive) return (doc) => exclude(doc, tree)
  const kept = withId(tree, keepId)
  const computed = computedIn(kept)
  return (doc) => computeInside(include(doc, kept, computed), computed, scopeOf(doc)) as Doc
}

export function compileAddFields(spec: Value, context: Context): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location40272', '$addFields specification stage must be an object')
  if (Object.keys(spec).length === 0) fail('Location40177', '$addFields specification must have at least one field')
  const tree: FieldTree = new Map()
  addFields(tree, spec, [], context)
  return (doc) => computeInside(doc, tree, scopeOf(doc)) as Doc
}

export function compileUnset(spec: Value): (doc: Doc) => Doc {
  const paths = Array.isArray(spec) ? spec : [spec]
  const tree: FieldTree = new Map()
  for (const path of paths) {
    if (typeof path !== 'string')
      return fail('Location31002', '$unset specification must be a string or an array of strings')
    if (splitPath(path).some((part) => part === '' || part.startsWith('$')))
      fail('Location16410', `Invalid field path '${path}'`)
    addPath(tree, path)
  }
  if (paths.length === 0)
    fail('Location31119', '$unset specification must be a string or an array with at least one field')
  return (doc) => exclude(doc, tree)
}

/** A nested document means the same as dotted paths. Any other value is an expression. */
function addFields(tree: FieldTree, spec: Doc, prefix: readonly string[], context: Context): void {
  for (const [name, value] of Object.entries(spec)) {
    const parts = [...prefix, ...splitPath(name)]
    if (parts.some((part) => part === '' || part.startsWith('$'))) fail('Location16410', `Invalid field path '${name}'`)
    if (!isDoc(value) || Object.keys(value)[0]?.startsWith('$')) addPath(tree, parts, compileExpression(value, context))
    else if (Object.keys(value).length > 0) addFields(tree, value, parts, context)
    else fail('Location40180', `an empty object is not a valid value. Found empty object for '${name}'`)
  }
}

/** A copy with the computed fields: in every element of an array. A scalar is replaced by a document. */
function computeInside(target: Maybe, computed: FieldTree, scope: Scope): Value {
  if (Array.isArray(target)) return target.map((element) => computeInside(element, computed, scope))
  const result: Doc = isDoc(target) ? { ...target } : {}
  for (const [name, inner] of computed) {
    if (inner === true) continue
    const value = inner instanceof Map ? computeInside(field(result, name), inner, scope) : inner(scope)
    if (value === undefined) delete result[name]
    else result[name] = value
  }
  return result
}

/** A value that is not a flag is an expression, and makes the projection inclusive. */
function parseProjection(spec: Doc, compile: (value: Value) => Expression): Projection {
  const tree: FieldTree = new Map()
  let inclusive: boolean | undefined
  let idFlag: boolean | undefined
  let computed = false
  for (const [path, value] of flatten(spec)) {
    checkPath(path)
    if (typeof value !== 'boolean' && typeof value !== 'number') {
      addPath(tree, path, compile(value))
      computed = true
      continue
    }
    const keep = isTruthy(value)
    if (path === '_id') {
      idFlag = keep
      continue
    }
    if (inclusive !== undefined && inclusive !== keep) {
      if (keep) fail('Location31253', `Cannot do inclusion on field ${path} in exclusion projection`)
      fail('Location31254', `Cannot do exclusion on field ${path} in inclusion projection`)
    }
    inclusive = keep
    addPath(tree, path)
  }
  if (inclusive === false && idFlag === true) notImplemented('a projection that names _id and excludes other fields')
  if (computed && inclusive === false) fail('Location31252', 'Cannot use an expression in an exclusion projection')
  // If only `_id` is named, it decides: `{ _id: 1 }` keeps nothing else.
  inclusive ??= computed || idFlag === true
  if (!inclusive && idFlag === false) tree.set('_id', true)
  return { inclusive, tree, keepId: idFlag !== false }
}

function withId(tree: FieldTree, keepId: boolean): FieldTree {
  if (!keepId || tree.has('_id')) return tree
  return new Map([['_id', true] as const, ...tree])
}

/** A nested document means the same as dotted paths. */
function* flatten(spec: Doc, prefix = ''): Generator<[string, Value]> {
  for (const [name, value] of Object.entries(spec)) {
    if (isDoc(value) && !Object.keys(value)[0]?.startsWith('$')) {
      if (Object.keys(value).length === 0) fail('Location51270', 'An empty sub-projection is not a valid value')
      yield* flatten(value, `${prefix}${name}.`)
    } else yield [prefix + name, value]
  }
}

function checkPath(path: string): void {
  for (const part of splitPath(path)) {
    if (part === '') fail('Location15998', `FieldPath field names may not be empty strings: '${path}'`)
    if (part === '$') notImplemented('the positional projection')
    if (part.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$': '${path}'`)
  }
}

function addPath(tree: FieldTree, path: string | readonly string[], leaf: true | Expression = true): void {
  const parts = typeof path === 'string' ? splitPath(path) : path
  let level = tree
  for (const [at, part] of parts.entries()) {
    const last = at === parts.length - 1
    const next = level.get(part)
    if (next !== undefined && (last || !(next instanceof Map)))
      fail('Location31250', `Path collision at ${parts.join('.')}`)
    if (last) level.set(part, leaf)
    else if (next === undefined) {
      const inner: FieldTree = new Map()
      level.set(part, inner)
      level = inner
    } else level = next as FieldTree
  }
}

/**
 * Keeps the fields in the order of the document. Values in arrays that are not documents are dropped. If something is
 * computed inside a field (`computed` is that part of the tree), the field and its array elements keep their places.
 */
function include(doc: Doc, tree: FieldTree, computed: FieldTree): Doc {
  const result: Record<string, Maybe> = {}
  for (const [name, value] of Object.entries(doc)) {
    const inner = tree.get(name)
    if (inner === true) result[name] = value
    if (!(inner instanceof Map)) continue
    const fills = computed.get(name)
    const kept = includeInside(value, inner, fills instanceof Map ? fills : undefined)
    if (kept !== undefined || fills !== undefined) result[name] = kept
  }
  return result as Doc
}

function includeInside(value: Value, tree: FieldTree, computed: FieldTree | undefined): Maybe {
  if (isDoc(value)) return include(value, tree, computed ?? nothing)
  if (!Array.isArray(value)) return undefined
  const kept = value.map((element) => includeInside(element, tree, computed))
  return (computed === undefined ? kept.filter((element) => element !== undefined) : kept) as Value[]
}

const nothing: FieldTree = new Map()

/** The part of a tree that is computed, in the same order. */
function computedIn(tree: FieldTree): FieldTree {
  const result: FieldTree = new Map()
  for (const [name, inner] of tree) {
    const part = inner instanceof Map ? computedIn(inner) : inner
    if (part !== true && (!(part instanceof Map) || part.size > 0)) result.set(name, part)
  }
  return result
}

function exclude(doc: Doc, tree: FieldTree): Doc {
  const result: Doc = {}
  for (const [name, value] of Object.entries(doc)) {
    const inner = tree.get(name)
    if (inner === true) continue
    result[name] = inner instanceof Map ? excludeInside(value, inner) : value
  }
  return result
}

function excludeInside(value: Value, tree: FieldTree): Value {
  if (Array.isArray(value)) return value.map((element) => excludeInside(element, tree))
  return isDoc(value) ? exclude(value, tree) : value
}
