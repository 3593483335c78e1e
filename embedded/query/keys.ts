// The keys that a document has under a list of paths, for indexes and sorts alike (MongoDB's `BtreeKeyGenerator`):
// an array on the way gives one key for each element, a missing field counts as null, an empty array as EMPTY.
import { EMPTY, type Key } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { isIndex, splitPath } from '../paths.ts'
import { type Doc, field, isDoc, type Maybe, type Value } from '../values.ts'

export type KeyTuple = readonly Key[]

/** How far one path has been followed: its value, or the array at which it stopped and what is left of it. */
type Progress = { value: Key; missing: boolean } | { array: Value[]; rest: readonly string[] }

/** A document's keys and whether every path was missing (such documents are left out of a sparse index). */
export interface DocumentKeys {
  keys: KeyTuple[]
  allMissing: boolean
}

/** Throws CannotIndexParallelArrays where two of the paths go through different arrays. */
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
  // Of an empty array the documents' fields are missing, and the array itself is the key EMPTY.
  for (const element of array.length === 0 ? [EMPTY] : array) {
    const next = progress.map((one, at): Progress => {
      if (!('array' in one)) return one
      if (one.array !== array) {
        return fail('CannotIndexParallelArrays', `cannot index parallel arrays [${paths[at]}] [${paths[stopped]}]`)
      }
      if (one.rest.length === 0) return { value: element as Key, missing: false }
      if (isIndex(one.rest[0]!)) return notImplemented(`an index or sort on a position in an array ('${paths[at]}')`)
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
