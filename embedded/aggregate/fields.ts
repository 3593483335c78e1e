// `$project`, `$addFields` (`$set`) and `$unset`: stages that change the fields of each document.
import { fail } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { addPath, exclude, type FieldTree, include, parseProjection, withId } from '../query/projection.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import type { Context, Expression } from './context.ts'
import { compileExpression } from './expression.ts'
import { put } from './put.ts'

interface ComputedField {
  parts: readonly string[]
  value: Expression
}

export function compileProject(spec: Value, context: Context): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location15969', '$project specification must be an object')
  if (Object.keys(spec).length === 0) fail('Location51272', '$project specification must have at least one field')
  const computed: ComputedField[] = []
  const { inclusive, tree, keepId } = parseProjection(spec, (path, value) => {
    computed.push({ parts: splitPath(path), value: compileExpression(value, context) })
    return true
  })
  checkCollisions(tree, computed)
  if (!inclusive) return (doc) => exclude(doc, tree)
  const kept = withId(tree, keepId)
  return (doc) => setComputed(include(doc, kept), doc, computed)
}

export function compileAddFields(spec: Value, context: Context): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location40272', '$addFields specification stage must be an object')
  if (Object.keys(spec).length === 0) fail('Location40177', '$addFields specification must have at least one field')
  const computed = computedFields(spec, [], context)
  checkCollisions(new Map(), computed)
  return (doc) => setComputed(doc, doc, computed)
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
function computedFields(spec: Doc, prefix: readonly string[], context: Context): ComputedField[] {
  return Object.entries(spec).flatMap(([name, value]) => {
    const parts = [...prefix, ...splitPath(name)]
    if (parts.some((part) => part === '' || part.startsWith('$'))) fail('Location16410', `Invalid field path '${name}'`)
    if (!isDoc(value) || Object.keys(value)[0]?.startsWith('$'))
      return [{ parts, value: compileExpression(value, context) }]
    if (Object.keys(value).length === 0)
      fail('Location40180', `an empty object is not a valid value. Found empty object for '${name}'`)
    return computedFields(value, parts, context)
  })
}

function checkCollisions(tree: FieldTree, computed: readonly ComputedField[]): void {
  const all = structuredClone(tree)
  for (const { parts } of computed) addPath(all, parts.join('.'))
}

/** Expressions see the document as it came; their values are put into `target`. */
function setComputed(target: Doc, source: Doc, computed: readonly ComputedField[]): Doc {
  const scope = { doc: source, variables: {} }
  let result = target
  for (const { parts, value } of computed) result = put(result, parts, 0, value(scope)) as Doc
  return result
}
