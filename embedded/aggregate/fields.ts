// `$project`, `$addFields` (`$set`) and `$unset`: stages that change the fields of each document.
import { fail } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { addPath, exclude, type FieldTree, include, parseProjection, withId } from '../query/projection.ts'
import { type Doc, field, isDoc, type Maybe, type Value } from '../values.ts'
import { compileExpression, type Expression } from './expression.ts'

interface ComputedField {
  parts: readonly string[]
  value: Expression
}

export function compileProject(spec: Value): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location15969', '$project specification must be an object')
  if (Object.keys(spec).length === 0) fail('Location51272', '$project specification must have at least one field')
  const computed: ComputedField[] = []
  const { inclusive, tree, keepId } = parseProjection(spec, (path, value) => {
    computed.push({ parts: splitPath(path), value: compileExpression(value) })
    return true
  })
  checkCollisions(tree, computed)
  if (!inclusive) return (doc) => exclude(doc, tree)
  const kept = withId(tree, keepId)
  return (doc) => setComputed(include(doc, kept), doc, computed)
}

export function compileAddFields(spec: Value): (doc: Doc) => Doc {
  if (!isDoc(spec)) return fail('Location40272', '$addFields specification stage must be an object')
  if (Object.keys(spec).length === 0) fail('Location40177', '$addFields specification must have at least one field')
  const computed = computedFields(spec, [])
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
function computedFields(spec: Doc, prefix: readonly string[]): ComputedField[] {
  return Object.entries(spec).flatMap(([name, value]) => {
    const parts = [...prefix, ...splitPath(name)]
    if (parts.some((part) => part === '' || part.startsWith('$'))) fail('Location16410', `Invalid field path '${name}'`)
    if (!isDoc(value) || Object.keys(value)[0]?.startsWith('$')) return [{ parts, value: compileExpression(value) }]
    if (Object.keys(value).length === 0)
      fail('Location40180', `an empty object is not a valid value. Found empty object for '${name}'`)
    return computedFields(value, parts)
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

/** A copy with the value at the path: in every document of an array, in place of a scalar; missing removes a field. */
function put(container: Maybe, parts: readonly string[], at: number, value: Maybe): Maybe {
  if (at === parts.length) return value
  if (Array.isArray(container)) return container.map((element) => put(element, parts, at, value) ?? null)
  const doc: Doc = isDoc(container) ? { ...container } : {}
  const inner = put(field(doc, parts[at]!), parts, at + 1, value)
  if (inner === undefined) delete doc[parts[at]!]
  else doc[parts[at]!] = inner
  return doc
}
