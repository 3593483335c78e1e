// Segments inside constraints: which segments a constraint names, and how to inline them. The work is limited: cycles are found first, and
// inlining stops when the result exceeds the limits of a constraint.

import { CONSTRAINT_LIMITS } from './check-constraint.ts'
import type { Constraint, InlinedConstraint } from './types.ts'

/** The constraint of a segment; undefined: there is no such segment. */
export type ConstraintOf = (segment: string) => Constraint | undefined

/** MISSING: a named segment does not exist. CYCLE: segments name each other. LIMIT: too deep or too large when inlined. */
export type CheckedInlined =
  | { ok: true; constraint: InlinedConstraint }
  | { ok: false; reason: 'MISSING' | 'CYCLE' | 'LIMIT'; message: string }

/** The ids of the segments that a constraint itself names, each once, in the order of the tree. */
export function segmentsIn(constraint: Constraint | null): string[] {
  const found = new Set<string>()
  if (constraint) collect(constraint, found)
  return [...found]
}

/**
 * Follows segments to the segments that they name, and so on. Reads each segment once, one level at a time, so it ends
 * even when segments name each other. Example: `a` names `b` and `c`, and both name `d`: it reads [a], then [b, c], then [d].
 *
 * @param read the segments with these ids. What it leaves out is not followed.
 * @returns id -> segment, in the order in which they were read.
 */
export async function walkSegments<Segment>(
  from: readonly string[],
  read: (ids: readonly string[]) => ReadonlyMap<string, Segment> | Promise<ReadonlyMap<string, Segment>>,
  constraintOf: (segment: Segment) => Constraint,
): Promise<Map<string, Segment>> {
  const found = new Map<string, Segment>()
  const seen = new Set<string>()
  let level = [...new Set(from)]
  while (level.length > 0) {
    for (const id of level) seen.add(id)
    const segments = await read(level)
    for (const [id, segment] of segments) found.set(id, segment)
    const named = [...segments.values()].flatMap((segment) => segmentsIn(constraintOf(segment)))
    level = [...new Set(named)].filter((id) => !seen.has(id))
  }
  return found
}

/** For `walkSegments`: reads from segments that are in memory already. */
export function fromMemory<Segment>(all: ReadonlyMap<string, Segment>) {
  return (ids: readonly string[]): Map<string, Segment> =>
    new Map(ids.flatMap((id): [string, Segment][] => (all.has(id) ? [[id, all.get(id)!]] : [])))
}

/**
 * Replaces each segment by its constraint, also inside segments. The result must respect the limits of a constraint.
 *
 * @returns the result, or a reason. The message continues a sentence that begins with the name of what was checked: `names the
 * segment ...`.
 */
export function checkInlined(constraint: Constraint, constraintOf: ConstraintOf): CheckedInlined {
  const cycle = cycleIn(segmentsIn(constraint), constraintOf)
  if (cycle)
    return { ok: false, reason: 'CYCLE', message: `names segments that name each other: ${cycle.join(' -> ')}` }
  const inlining: Inlining = { constraintOf, nodes: 0, values: 0, failure: undefined }
  const inlined = inline(inlining, constraint, 1)
  return inlined ? { ok: true, constraint: inlined } : inlining.failure!
}

/**
 * Finds a cycle among segments. Each segment is visited once.
 *
 * @param from the ids to begin with.
 * @returns the ids of the cycle, the first one again at the end: [a, b, a]. Undefined: there is no cycle.
 */
export function cycleIn(from: readonly string[], constraintOf: ConstraintOf): string[] | undefined {
  const done = new Set<string>()
  const open = new Set<string>()
  // A list and no recursion, because a chain of segments can be longer than the call stack allows.
  const path: { id: string; names: string[] }[] = [{ id: '', names: [...from].reverse() }]
  for (let last = path.at(-1); last; last = path.at(-1)) {
    const id = last.names.pop()
    if (id === undefined) {
      done.add(last.id)
      open.delete(last.id)
      path.pop()
    } else if (open.has(id)) {
      const ids = [...open]
      return [...ids.slice(ids.indexOf(id)), id]
    } else if (!done.has(id)) {
      open.add(id)
      path.push({ id, names: segmentsIn(constraintOf(id) ?? null).reverse() })
    }
  }
  return undefined
}

function collect(constraint: Constraint, found: Set<string>): void {
  if ('all' in constraint) for (const part of constraint.all) collect(part, found)
  else if ('any' in constraint) for (const part of constraint.any) collect(part, found)
  else if ('not' in constraint) collect(constraint.not, found)
  else if ('segment' in constraint) found.add(constraint.segment)
}

type Inlining = {
  constraintOf: ConstraintOf
  /** Counted in the inlined constraint so far. */
  nodes: number
  values: number
  failure: Extract<CheckedInlined, { ok: false }> | undefined
}

/** Undefined: it failed, and `inlining.failure` says why. There must be no cycle. */
function inline(inlining: Inlining, constraint: Constraint, depth: number): InlinedConstraint | undefined {
  let node = constraint
  while ('segment' in node) {
    const named = inlining.constraintOf(node.segment)
    if (!named)
      return fail(inlining, 'MISSING', `names the segment ${JSON.stringify(node.segment)}, which does not exist`)
    node = named
  }
  inlining.nodes += 1
  if ('dimension' in node) inlining.values += node.values.length
  const { nodes, values, depth: deepest } = CONSTRAINT_LIMITS
  if (inlining.nodes > nodes)
    return fail(inlining, 'LIMIT', `has more than ${nodes} nodes when its segments are inlined`)
  if (inlining.values > values) {
    return fail(inlining, 'LIMIT', `has more than ${values} values when its segments are inlined`)
  }
  if (depth > deepest)
    return fail(inlining, 'LIMIT', `is nested more than ${deepest} deep when its segments are inlined`)
  if ('all' in node) {
    const all = inlineAll(inlining, node.all, depth + 1)
    return all && { all }
  }
  if ('any' in node) {
    const any = inlineAll(inlining, node.any, depth + 1)
    return any && { any }
  }
  if ('not' in node) {
    const not = inline(inlining, node.not, depth + 1)
    return not && { not }
  }
  return node
}

function inlineAll(inlining: Inlining, parts: readonly Constraint[], depth: number): InlinedConstraint[] | undefined {
  const inlined: InlinedConstraint[] = []
  for (const part of parts) {
    const done = inline(inlining, part, depth)
    if (!done) return undefined
    inlined.push(done)
  }
  return inlined
}

function fail(inlining: Inlining, reason: 'MISSING' | 'LIMIT', message: string): undefined {
  inlining.failure = { ok: false, reason, message }
  return undefined
}
