// What holds of the segments that a constraint names: each exists in the same app and is not archived, none names itself
// on any way round, and with all of them in place the constraint is within its limits.
//
// This looks at the newest revisions. What goes live are approved ones, which may be others: publish checks those again.
// So does it find what grew past the limits since, because a segment that it names was revised.

import { badInput } from '../../common/base/errors.ts'
import { archivedAnew, archivedMistake, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { InputError } from '../../engine/targeting/input-errors.ts'
import { checkInlined, cycleIn, fromMemory, segmentsIn, walkSegments } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { CONSTRAINT_PATH } from './content.ts'
import { type Segment, segments } from './repository.ts'

/** What names segments. */
export type Naming = {
  app: string
  /** Null, as that of a strategy may be: it names none. */
  constraint: Constraint | null
  /** Its constraint in the revision before: what that names may be archived by now. Null when there is none. */
  before: Constraint | null
  /** The segment whose constraint it is to be; null for one that is new, and for strategies. */
  segment: { id: string; name: string } | null
}

/**
 * BAD_USER_INPUT with the path of the leaf that is wrong. Answers the ids of all the segments that the constraint names,
 * itself or through others.
 */
export async function checkNamed(tx: Tx, naming: Naming): Promise<string[]> {
  const { constraint } = naming
  if (!constraint) return []
  const reached = await segments.reached(tx, segmentsIn(constraint))
  await refuseLeaves(tx, naming, constraint, reached)

  const { segment } = naming
  const constraintOf = (id: string) => (id === segment?.id ? constraint : reached.get(id)?.content.constraint)
  const leaves = leavesOf(constraint, CONSTRAINT_PATH)
  for (const leaf of leaves) {
    const cycle = cycleIn([leaf.segment], constraintOf)
    if (cycle) throw badInput(leaf.path, `makes a cycle of segments: ${cycle.map(called).join(' -> ')}`)
  }
  const inlined = checkInlined(constraint, constraintOf)
  if (!inlined.ok) throw badInput(CONSTRAINT_PATH, inlined.message)
  return [...reached.keys()]

  function called(id: string): string {
    const name = id === segment?.id ? segment.name : reached.get(id)!.content.name
    return `${JSON.stringify(name)} (${id})`
  }
}

/** What is another app's is as if it did not exist. What a leaf names through others counts as what it names itself. */
async function refuseLeaves(
  tx: Tx,
  { app, before }: Naming,
  constraint: Constraint,
  reached: ReadonlyMap<string, Segment>,
): Promise<void> {
  const anyArchived = [...reached.values()].some(({ archivedAt }) => archivedAt !== null)
  const kept = new Set(anyArchived ? (await segments.reached(tx, segmentsIn(before))).keys() : [])
  const mistakes: InputError[] = []
  for (const { segment: id, path } of leavesOf(constraint, CONSTRAINT_PATH)) {
    if (reached.get(id)?.app !== app) {
      mistakes.push({ path, message: `there is no segment ${JSON.stringify(id)} in app ${JSON.stringify(app)}` })
      continue
    }
    const through = await walkSegments([id], fromMemory(reached), ({ content }) => content.constraint)
    const uses = [...through.values()].map((segment) => useOf('segment', segment))
    const [archived] = archivedAnew(uses, kept)
    if (!archived) continue
    const message = archivedMistake(archived)
    mistakes.push({ path, message: archived.id === id ? message : `names ${message}` })
  }
  const [first, ...more] = mistakes
  if (first) throw badInput(first.path, first.message, more)
}

/** Every leaf that names a segment, with its path. */
function leavesOf(constraint: Constraint, path: string): { segment: string; path: string }[] {
  if ('all' in constraint) return constraint.all.flatMap((part, at) => leavesOf(part, `${path}.all[${at}]`))
  if ('any' in constraint) return constraint.any.flatMap((part, at) => leavesOf(part, `${path}.any[${at}]`))
  if ('not' in constraint) return leavesOf(constraint.not, `${path}.not`)
  return 'segment' in constraint ? [{ segment: constraint.segment, path: `${path}.segment` }] : []
}
