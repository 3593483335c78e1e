// The differences between two contents. Items of lists are matched by what they are, not by their index: content-shapes.ts defines
// when two items are the same, and alignment.ts finds the fewest moves.

import { canonicalJson } from '../../common/base/content-hash.ts'
import { type Alignment, alignOrdered, alignUnordered, type Pair, pairsInPlace, withPairs } from './alignment.ts'
import { FREE_LIST, type ListShape, SHAPES, type Shape, type ShapeOf } from './content-shapes.ts'
import type { SubjectKind } from './repository.ts'

/**
 * `path` has indexes of the newer content, such as `creatives[0].weight`; `previousPath` has those of the older one. When one
 * side has no such item, both paths end with the same index: that of the newer content for ADDED, of the older one for
 * REMOVED. `before` or `after` is then null. `from` and `to` are the indexes of a MOVED item.
 */
export type Difference = {
  path: string
  previousPath: string
  kind: 'ADDED' | 'REMOVED' | 'CHANGED' | 'MOVED'
  before: unknown
  after: unknown
  from: number | null
  to: number | null
}

/** First in the order of `after`, then what was removed. A value that only one side has is one difference, however large. */
export function differences(kind: SubjectKind, before: object, after: object): Difference[] {
  const found: Found = { there: [], gone: [] }
  const shape = SHAPES[kind]
  compareFields(found, ROOT, shape, presentFields(shape, before), presentFields(shape, after))
  return [...found.there, ...found.gone]
}

type Found = { there: Difference[]; gone: Difference[] }
type Fields = Record<string, unknown>
type Place = Pick<Difference, 'path' | 'previousPath'>

const ROOT: Place = { path: '', previousPath: '' }
const NOWHERE = { before: null, after: null, from: null, to: null }

/** The fields as JSON. A field that is null counts as missing. A list that is missing counts as empty. */
function presentFields({ fields = {} }: Shape, content: object): Fields {
  const entries = Object.entries(JSON.parse(JSON.stringify(content)) as Fields).filter(([, value]) => value !== null)
  const present = Object.fromEntries(entries)
  for (const [name, shape] of Object.entries(fields)) if ('list' in shape) present[name] ??= []
  return present
}

function compare(found: Found, at: Place, known: ShapeOf, before: unknown, after: unknown): void {
  const shape = shapeOf(known, after)
  if (Array.isArray(before) && Array.isArray(after)) {
    compareItems(found, at, shape.list ?? FREE_LIST, before, after)
  } else if (isFields(before) && isFields(after) && (shape.isChanged?.(before, after) ?? true)) {
    compareFields(found, at, shape, before, after)
  } else if (canonicalJson(before) !== canonicalJson(after)) {
    found.there.push({ ...NOWHERE, ...at, kind: 'CHANGED', before, after })
  }
}

function compareFields(found: Found, at: Place, { fields }: Shape, before: Fields, after: Fields): void {
  for (const [name, is] of Object.entries(after)) {
    const place = { path: fieldPath(at.path, name), previousPath: fieldPath(at.previousPath, name) }
    const shape = fields && Object.hasOwn(fields, name) ? fields[name]! : {}
    if (Object.hasOwn(before, name)) compare(found, place, shape, before[name], is)
    else found.there.push({ ...NOWHERE, ...place, kind: 'ADDED', after: is })
  }
  for (const [name, was] of Object.entries(before)) {
    if (Object.hasOwn(after, name)) continue
    const place = { path: fieldPath(at.path, name), previousPath: fieldPath(at.previousPath, name) }
    found.gone.push({ ...NOWHERE, ...place, kind: 'REMOVED', before: was })
  }
}

function compareItems(found: Found, at: Place, list: ListShape, before: unknown[], after: unknown[]): void {
  const { pairs, removed } = align(list, before, after)
  const pairAt = new Map(pairs.map((pair) => [pair.after, pair]))
  for (const [index, is] of after.entries()) {
    const pair = pairAt.get(index)
    const place = { path: `${at.path}[${index}]`, previousPath: `${at.previousPath}[${pair?.before ?? index}]` }
    if (!pair) {
      found.there.push({ ...NOWHERE, ...place, kind: 'ADDED', after: is })
      continue
    }
    const was = before[pair.before]
    if (pair.moved) found.there.push({ ...place, kind: 'MOVED', before: was, after: is, from: pair.before, to: index })
    compare(found, place, list.item ?? {}, was, is)
  }
  for (const index of removed) {
    const place = { path: `${at.path}[${index}]`, previousPath: `${at.previousPath}[${index}]` }
    found.gone.push({ ...NOWHERE, ...place, kind: 'REMOVED', before: before[index] })
  }
}

function align({ ordered, identity, alike }: ListShape, before: unknown[], after: unknown[]): Alignment {
  const identities = (items: unknown[]) => items.map(identity ?? ((item) => canonicalJson(item)))
  const aligned = (ordered ? alignOrdered : alignUnordered)(identities(before), identities(after))
  if (!alike) return aligned
  return withPairs(aligned, alike === 'place' ? pairsInPlace(aligned) : pairsAlike(aligned, alike, before, after))
}

/** Pairs with the highest score first; with equal scores the first in the list. */
function pairsAlike(
  { removed, added }: Alignment,
  alike: (before: unknown, after: unknown) => number,
  before: unknown[],
  after: unknown[],
): Pair[] {
  const candidates = removed.flatMap((was) =>
    added.map((is) => ({ before: was, after: is, moved: false, alike: alike(before[was], after[is]) })),
  )
  const [taken, given] = [new Set<number>(), new Set<number>()]
  const inOrder = candidates.filter((pair) => pair.alike > 0).sort((a, b) => b.alike - a.alike)
  return inOrder.filter((pair) => {
    if (taken.has(pair.before) || given.has(pair.after)) return false
    taken.add(pair.before)
    given.add(pair.after)
    return true
  })
}

function shapeOf(shape: ShapeOf, value: unknown): Shape {
  return typeof shape === 'function' ? shape(value) : shape
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldPath(path: string, name: string): string {
  if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name)) return `${path}[${JSON.stringify(name)}]`
  return path === '' ? name : `${path}.${name}`
}
