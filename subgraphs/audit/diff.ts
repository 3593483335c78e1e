// What differs between two contents, value by value.

import { canonicalJson } from '../../common/hash.ts'

/** `path` as in `creatives[0].weight`. On the side where there is nothing, `before` or `after` is null. */
export type Difference = { path: string; kind: 'ADDED' | 'REMOVED' | 'CHANGED'; before: unknown; after: unknown }

/** Every leaf (text, number, boolean, null, empty list or object) that differs, in the order of `after`, then what is gone. */
export function differences(before: unknown, after: unknown): Difference[] {
  const [was, is] = [leavesOf(before), leavesOf(after)]
  const paths = new Set([...is.keys(), ...was.keys()])
  return [...paths]
    .map((path) => ({
      path,
      kind: kindOf(was.has(path), is.has(path)),
      before: was.get(path) ?? null,
      after: is.get(path) ?? null,
    }))
    .filter((leaf) => !isNothing(leaf))
}

/** A field of the content itself that is null is an empty one; a null deeper down was written by somebody. */
function isNothing({ path, kind, before, after }: Difference): boolean {
  if (kind === 'CHANGED') return canonicalJson(before) === canonicalJson(after)
  return before === null && after === null && !/[.[]/.test(path)
}

function kindOf(was: boolean, is: boolean): Difference['kind'] {
  if (was && is) return 'CHANGED'
  return is ? 'ADDED' : 'REMOVED'
}

function leavesOf(value: unknown): Map<string, unknown> {
  const leaves = new Map<string, unknown>()
  collect(leaves, '', JSON.parse(JSON.stringify(value)))
  return leaves
}

function collect(leaves: Map<string, unknown>, path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return void leaves.set(path, value)
  const parts = Object.entries(value)
  if (parts.length === 0 && path !== '') leaves.set(path, value)
  for (const [key, part] of parts) collect(leaves, joined(path, key, Array.isArray(value)), part)
}

function joined(path: string, key: string, inList: boolean): string {
  if (inList) return `${path}[${key}]`
  if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}
