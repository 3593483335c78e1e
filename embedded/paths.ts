// Where a dotted path leads in a document, through arrays, as MongoDB's matcher walks it (its `ElementPath`).

import { fail, notImplemented } from './errors.ts'
import { type Doc, field, isArrayIndex, isDoc, type Maybe, type Value } from './values.ts'

const known = new Map<string, readonly string[]>()

/** The names in a dotted path. Paths come from code rather than data, so remembering them is worthwhile. */
export function splitPath(path: string): readonly string[] {
  let parts = known.get(path)
  if (parts === undefined) {
    if (path.includes('\0')) fail('BadValue', 'a path must not contain a zero byte')
    parts = path.split('.')
    for (const part of parts) {
      if (part === '__proto__' || part === '_bsontype') notImplemented(`the field name '${part}'`)
    }
    if (known.size < 10_000) known.set(path, parts)
  }
  return parts
}

/**
 * Whether `test` holds for any of the values that a filter on this path looks at. A missing field is looked at as
 * `undefined`. At the end of the path an array's elements are looked at and then the array itself (`intoLeaf`), or the
 * array only.
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
      // A position names the element itself; if that is an array, its elements are not looked at.
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
