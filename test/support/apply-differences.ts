// What a reader of a diff makes of it: the newer content out of the older one and the differences alone. Nothing of the
// product is used here. Lists whose order means nothing come in any order.

import type { Difference } from '../../subgraphs/audit/diff.ts'

type Entries = readonly Difference[]

export function applyDifferences(before: object, entries: Entries): unknown {
  return rebuilt(before, '', entries)
}

function rebuilt(value: unknown, at: string, entries: Entries): unknown {
  const changed = entries.find(({ kind, previousPath }) => kind === 'CHANGED' && previousPath === at)
  if (changed) return changed.after
  if (Array.isArray(value)) return rebuiltList(value, at, entries)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([name]) => !isOf(entries, 'REMOVED', fieldPath(at, name)))
  const kept = fields.map(([name, part]) => [name, rebuilt(part, fieldPath(at, name), entries)])
  const added = entries.filter(({ kind, previousPath }) => kind === 'ADDED' && parentOf(previousPath) === at)
  return Object.fromEntries([...kept, ...added.map(({ path, after }) => [lastOf(path), after])])
}

function rebuiltList(list: readonly unknown[], at: string, entries: Entries): unknown[] {
  const result = new Map<number, unknown>()
  const here = (kind: Difference['kind']) =>
    entries.filter((entry) => entry.kind === kind && parentOf(entry.previousPath) === at)
  for (const { previousPath, after } of here('ADDED')) result.set(Number(lastOf(previousPath)), after)
  const moved = new Map(here('MOVED').map(({ from, to }) => [from!, to!]))
  for (const [from, to] of moved) result.set(to, rebuilt(list[from], `${at}[${from}]`, entries))
  const removed = new Set(here('REMOVED').map(({ previousPath }) => Number(lastOf(previousPath))))
  let next = 0
  for (const [index, item] of list.entries()) {
    if (removed.has(index) || moved.has(index)) continue
    while (result.has(next)) next += 1
    result.set(next, rebuilt(item, `${at}[${index}]`, entries))
  }
  return [...result.keys()].sort((a, b) => a - b).map((index) => result.get(index))
}

function isOf(entries: Entries, wanted: Difference['kind'], at: string): boolean {
  return entries.some(({ kind, previousPath }) => kind === wanted && previousPath === at)
}

const STEP = /\.?([\p{L}_][\p{L}\p{N}_-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/gu

function stepsOf(path: string): RegExpMatchArray[] {
  return [...path.matchAll(STEP)]
}

function parentOf(path: string): string {
  return path.slice(0, stepsOf(path).at(-1)!.index)
}

function lastOf(path: string): string {
  const [, name, index, quoted] = stepsOf(path).at(-1)!
  return name ?? index ?? JSON.parse(quoted!)
}

function fieldPath(path: string, name: string): string {
  if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name)) return `${path}[${JSON.stringify(name)}]`
  return path === '' ? name : `${path}.${name}`
}
