// Segments inside constraints: which ones a constraint names, and the constraint with theirs in place.

import type { Constraint, InlinedConstraint } from './types.ts'

/** The ids of the segments that a constraint itself names, each once, in the order of the tree. */
export function segmentsIn(constraint: Constraint | null): string[] {
  const found = new Set<string>()
  if (constraint) collect(constraint, found)
  return [...found]
}

/**
 * The constraint with the constraint of each segment in place of its name, and so on in those. Undefined when
 * `constraintOf` does not have one of them.
 *
 * @throws Error on a cycle; `cycleIn` finds it first.
 */
export function inlineSegments(
  constraint: Constraint,
  constraintOf: (segment: string) => Constraint | undefined,
): InlinedConstraint | undefined {
  return inline(constraint, constraintOf, [])
}

/**
 * A cycle among segments as a list that begins and ends with the same id; undefined when there is none.
 *
 * @param from the ids to begin with.
 */
export function cycleIn(
  from: readonly string[],
  constraintOf: (segment: string) => Constraint | undefined,
): string[] | undefined {
  const done = new Set<string>()

  function visit(id: string, path: readonly string[]): string[] | undefined {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id]
    if (done.has(id)) return undefined
    for (const next of segmentsIn(constraintOf(id) ?? null)) {
      const cycle = visit(next, [...path, id])
      if (cycle) return cycle
    }
    done.add(id)
    return undefined
  }

  for (const id of from) {
    const cycle = visit(id, [])
    if (cycle) return cycle
  }
  return undefined
}

function collect(constraint: Constraint, found: Set<string>): void {
  if ('all' in constraint) for (const part of constraint.all) collect(part, found)
  else if ('any' in constraint) for (const part of constraint.any) collect(part, found)
  else if ('not' in constraint) collect(constraint.not, found)
  else if ('segment' in constraint) found.add(constraint.segment)
}

function inline(
  constraint: Constraint,
  constraintOf: (segment: string) => Constraint | undefined,
  within: readonly string[],
): InlinedConstraint | undefined {
  const parts = (list: readonly Constraint[]) => {
    const inlined = list.map((part) => inline(part, constraintOf, within))
    return inlined.every((part) => part !== undefined) ? inlined : undefined
  }
  if ('all' in constraint) {
    const all = parts(constraint.all)
    return all && { all }
  }
  if ('any' in constraint) {
    const any = parts(constraint.any)
    return any && { any }
  }
  if ('not' in constraint) {
    const not = inline(constraint.not, constraintOf, within)
    return not && { not }
  }
  if (!('segment' in constraint)) return constraint
  const { segment } = constraint
  if (within.includes(segment)) throw new Error(`Segments name each other: ${[...within, segment].join(' -> ')}`)
  const named = constraintOf(segment)
  return named && inline(named, constraintOf, [...within, segment])
}
