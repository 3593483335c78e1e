// `$project`, `$addFields` (`$set`) and `$unset`: stages that change the fields of each document.
import { fail } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { addPath, computedIn, exclude, type FieldTree, include, parseProjection, withId } from '../query/projection.ts'
import { type Doc, field, isDoc, type Maybe, type Value } from '../values.ts'
import type { Context, Scope } from './context.ts'
import { compileExpression } from './expression.ts'

export function compileProject(spec: Value, context: Context): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location15969', '$project specification must be an object')
  if (Object.keys(spec).length === 0) fail('Location51272', '$project specification must have at least one field')
  const { inclusive, tree, keepId } = parseProjection(spec, (value) => compileExpression(value, context))
  if (!inclusive) return (doc) => exclude(doc, tree)
  const kept = withId(tree, keepId)
  const computed = computedIn(kept)
  return (doc) => computeInside(include(doc, kept, computed), computed, { doc, variables: {} }) as Doc
}

export function compileAddFields(spec: Value, context: Context): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location40272', '$addFields specification stage must be an object')
  if (Object.keys(spec).length === 0) fail('Location40177', '$addFields specification must have at least one field')
  const tree: FieldTree = new Map()
  addFields(tree, spec, [], context)
  return (doc) => computeInside(doc, tree, { doc, variables: {} }) as Doc
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

/** Nested documents are the same as dotted paths; anything else is an expression. */
function addFields(tree: FieldTree, spec: Doc, prefix: readonly string[], context: Context): void {
  for (const [name, value] of Object.entries(spec)) {
    const parts = [...prefix, ...splitPath(name)]
    if (parts.some((part) => part === '' || part.startsWith('$'))) fail('Location16410', `Invalid field path '${name}'`)
    if (!isDoc(value) || Object.keys(value)[0]?.startsWith('$')) addPath(tree, parts, compileExpression(value, context))
    else if (Object.keys(value).length > 0) addFields(tree, value, parts, context)
    else fail('Location40180', `an empty object is not a valid value. Found empty object for '${name}'`)
  }
}

/** Puts what is computed into a copy: into every element of an array, and a document in place of what is none. */
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
