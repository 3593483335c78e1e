// Sorting by several keys. A document that has several keys (an array on the path) sorts by its least one in the
// direction asked for, as in MongoDB.
import { compare } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import { documentKeys, type KeyTuple } from './keys.ts'

export interface SortSpec {
  paths: string[]
  directions: (1 | -1)[]
}

/** Undefined for an empty specification, which asks for no order. */
export function parseSort(spec: Value): SortSpec | undefined {
  if (!isDoc(spec)) return fail('TypeMismatch', 'the sort specification must be an object')
  const paths = Object.keys(spec)
  if (paths.length === 0) return undefined
  if (paths.length > 32) fail('BadValue', 'too many compound keys')
  const directions = paths.map((path) => {
    const direction = spec[path]!
    if (isDoc(direction)) return notImplemented(`a sort by an expression or by $meta ('${path}')`)
    if (direction !== 1 && direction !== -1) {
      return fail('Location15975', '$sort key ordering must be 1 (for ascending) or -1 (for descending)')
    }
    if (path === '' || path.startsWith('$') || path.split('.').includes('')) {
      return fail('BadValue', `FieldPath '${path}' is not valid in a sort`)
    }
    return direction
  })
  return { paths, directions }
}

export function compareKeys(a: KeyTuple, b: KeyTuple, directions: readonly number[]): number {
  for (let at = 0; at < a.length; at++) {
    const difference = compare(a[at]!, b[at]!)
    if (difference !== 0) return difference * directions[at]!
  }
  return 0
}

/** A new array in order; documents with equal keys keep theirs. */
export function sortDocuments<T>(items: readonly T[], spec: SortSpec, documentOf: (item: T) => Doc): T[] {
  const keyed = items.map((item) => ({ item, key: sortKey(documentOf(item), spec) }))
  return keyed.sort((a, b) => compareKeys(a.key, b.key, spec.directions)).map(({ item }) => item)
}

function sortKey(doc: Doc, spec: SortSpec): KeyTuple {
  const { keys } = documentKeys(doc, spec.paths)
  let least = keys[0]!
  for (const key of keys) if (compareKeys(key, least, spec.directions) < 0) least = key
  return least
}
