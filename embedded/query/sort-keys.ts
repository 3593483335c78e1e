// The keys that a document has under a list of paths, for indexes and sorts (MongoDB's `BtreeKeyGenerator`), and
// sorting by them. An array gives one key for each element. A missing field counts as null, an empty array as EMPTY.
import { compare, EMPTY, type Key } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { type Doc, field, isArrayIndex, isDoc, type Maybe, type Value } from '../values.ts'

export type KeyTuple = readonly Key[]

/** How far a path has been followed: to its value, or to an array, with the rest of the path. */
type Progress = { value: Key; missing: boolean } | { array: Value[]; rest: readonly string[] }

/** The keys of a document. `allMissing`: no path exists in it, so a sparse index leaves the document out. */
export interface DocumentKeys {
  keys: KeyTuple[]
  allMissing: boolean
}

/** Throws CannotIndexParallelArrays if two of the paths go through different arrays. */
export function documentKeys(doc: Doc, paths: readonly string[]): DocumentKeys {
  if (paths.length === 1) {
    const only = follow(doc, splitPath(paths[0]!))
    if ('value' in only) return { keys: [[only.value]], allMissing: only.missing }
  }
  const keys: KeyTuple[] = []
  const missing = expand(
    paths.map((path) => follow(doc, splitPath(path))),
    paths,
    keys,
  )
  return { keys, allMissing: missing }
}

function expand(progress: Progress[], paths: readonly string[], keys: KeyTuple[]): boolean {
  const stopped = progress.findIndex((one) => 'array' in one)
  if (stopped === -1) {
    const values = progress as { value: Key; missing: boolean }[]
    keys.push(values.map((one) => one.value))
    return values.every((one) => one.missing)
  }
  const { array } = progress[stopped] as { array: Value[]; rest: readonly string[] }
  let allMissing = true
  // In an empty array all fields are missing, and the array itself has the key EMPTY.
  for (const element of array.length === 0 ? [EMPTY] : array) {
    const next = progress.map((one, at): Progress => {
      if (!('array' in one)) return one
      if (one.array !== array) {
        return fail('CannotIndexParallelArrays', `cannot index parallel arrays [${paths[at]}] [${paths[stopped]}]`)
      }
      if (one.rest.length === 0) return { value: element as Key, missing: false }
      if (isArrayIndex(one.rest[0]!))
        return notImplemented(`an index or sort on a position in an array ('${paths[at]}')`)
      return isDoc(element as Maybe) ? follow(element as Doc, one.rest) : { value: null, missing: true }
    })
    if (!expand(next, paths, keys)) allMissing = false
  }
  return allMissing
}

function follow(doc: Doc, parts: readonly string[]): Progress {
  let value: Maybe = doc
  for (let at = 0; at < parts.length; at++) {
    if (Array.isArray(value)) return { array: value, rest: parts.slice(at) }
    if (!isDoc(value)) return { value: null, missing: true }
    value = field(value, parts[at]!)
  }
  if (Array.isArray(value)) return { array: value, rest: [] }
  return value === undefined ? { value: null, missing: true } : { value, missing: false }
}

export interface SortSpec {
  paths: string[]
  directions: (1 | -1)[]
}

/** Undefined for an empty specification: it asks for no order. */
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

/** A new, sorted array. Documents with equal keys keep their order. */
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
