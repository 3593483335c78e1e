// Follows dotted paths, such as "items.0.price", through documents and arrays, as MongoDB's matcher does
// (`ElementPath`).
import { fail, notImplemented } from './errors.ts'
import { type Doc, field, isArrayIndex, isDoc, type Maybe, type Value } from './values.ts'

/** A memo for the whole process: clients use few different paths, and splitting is pure. At most 10 000 of them. */
const splitPaths = new Map<string, readonly string[]>()

/** The names in a dotted path. */
export function splitPath(path: string): readonly string[] {
  let parts = splitPaths.get(path)
  if (parts === undefined) {
    if (path.includes('\0')) fail('BadValue', 'a path must not contain a zero byte')
    parts = path.split('.')
    for (const part of parts) {
      if (part === '__proto__' || part === '_bsontype') notImplemented(`the field name '${part}'`)
    }
    if (splitPaths.size < 10_000) splitPaths.set(path, parts)
  }
  return parts
}

/**
 * Whether `test` holds for some value that a filter on this path looks at. A missing field is `undefined`. For an array
 * at the end of the path, `intoLeaf` says whether its elements are tested before the array itself.
 */
export function someAt(
  doc: Doc,
  parts: readonly string[],
  from: number,
  intoLeaf: boolean,
  test: (value: Maybe) => boolean,
): boolean {
  let value: Maybe = doc
  for (let at = from; at < parts.length; at++) {
    if (Array.isArray(value)) return someInArray(value, parts, at, intoLeaf, test)
    if (!isDoc(value)) return test(undefined)
    value = field(value, parts[at]!)
  }
  if (intoLeaf && Array.isArray(value) && value.some(test)) return true
  return test(value)
}

function someInArray(
  array: Value[],
  parts: readonly string[],
  at: number,
  intoLeaf: boolean,
  test: (value: Maybe) => boolean,
): boolean {
  const part = parts[at]!
  const index = isArrayIndex(part) ? Number(part) : -1
  const last = at === parts.length - 1
  for (let position = 0; position < array.length; position++) {
    const element = array[position]!
    if (isDoc(element)) {
      if (someAt(element, parts, at, intoLeaf, test)) return true
      if (position === index && (last ? test(element) : someAt(element, parts, at + 1, intoLeaf, test))) return true
    } else if (position === index) {
      // A position names the element itself. If that is an array, its elements are not tested.
      if (last ? test(element) : Array.isArray(element) && someInArray(element, parts, at + 1, intoLeaf, test))
        return true
    }
  }
  return false
}

/** The direct child of a document (a field) or of an array (an element). */
export function childOf(value: Maybe, part: string): Maybe {
  if (Array.isArray(value)) return isArrayIndex(part) ? value[Number(part)] : undefined
  return isDoc(value) ? field(value, part) : undefined
}
