// Checks the segments that a constraint refers to, directly or through other segments. Each must exist in the same app and must
// not be archived. No segment may contain itself. With all segments written out, the constraint must be within its limits.
//
// This checks the newest revisions. Approved revisions go live, and those may be others: publish checks them again. Publish also
// finds a constraint that has become too large because one of its segments was revised.

import { badInput } from '../../common/base/errors.ts'
import { archivedMistake, newUsesOfArchived, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { InputError } from '../../engine/targeting/input-errors.ts'
import { checkInlined, cycleIn, fromMemory, segmentsIn, walkSegments } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'
import { CONSTRAINT_PATH } from './content.ts'
import { type Segment, segments } from './repository.ts'

/** The constraint to check, and where it belongs. */
export type ConstraintUse = {
  app: string
  /** Null for a strategy without a constraint. */
  constraint: Constraint | null
  /** The constraint of the revision before, or null. Segments that it refers to may be archived. */
  before: Constraint | null
  /** The segment that gets this constraint; null for a new segment, and for a strategy. */
  segment: { id: string; name: string } | null
}

/**
 * Returns the ids of all segments that the constraint refers to, directly or through other segments.
 *
 * @throws AlkaidError BAD_USER_INPUT with the path of each reference that is wrong.
 */
export async function checkSegments(tx: Tx, use: ConstraintUse): Promise<string[]> {
  const { constraint } = use
  if (!constraint) return []
  const reached = await segments.withNested(tx, segmentsIn(constraint))
  await checkLeaves(tx, use, constraint, reached)

  const { segment } = use
  const constraintOf = (id: string) => (id === segment?.id ? constraint : reached.get(id)?.content.constraint)
  const leaves = leavesOf(constraint, CONSTRAINT_PATH)
  for (const leaf of leaves) {
    const cycle = cycleIn([leaf.segment], constraintOf)
    if (cycle) throw badInput(leaf.path, `makes a cycle of segments: ${cycle.map(label).join(' -> ')}`)
  }
  const inlined = checkInlined(constraint, constraintOf)
  if (!inlined.ok) throw badInput(CONSTRAINT_PATH, inlined.message)
  return [...reached.keys()]

  function label(id: string): string {
    const name = id === segment?.id ? segment.name : reached.get(id)!.content.name
    return `${JSON.stringify(name)} (${id})`
  }
}

/** A leaf is checked together with the segments that it reaches through others. A segment of another app counts as missing. */
async function checkLeaves(
  tx: Tx,
  { app, before }: ConstraintUse,
  constraint: Constraint,
  reached: ReadonlyMap<string, Segment>,
): Promise<void> {
  const anyArchived = [...reached.values()].some(({ archivedAt }) => archivedAt !== null)
  const kept = new Set(anyArchived ? (await segments.withNested(tx, segmentsIn(before))).keys() : [])
  const mistakes: InputError[] = []
  for (const { segment: id, path } of leavesOf(constraint, CONSTRAINT_PATH)) {
    if (reached.get(id)?.app !== app) {
      mistakes.push({ path, message: `there is no segment ${JSON.stringify(id)} in app ${JSON.stringify(app)}` })
      continue
    }
    const through = await walkSegments([id], fromMemory(reached), ({ content }) => content.constraint)
    const uses = [...through.values()].map((segment) => useOf('segment', segment))
    const [archived] = newUsesOfArchived(uses, kept)
    if (!archived) continue
    const message = archivedMistake(archived)
    mistakes.push({ path, message: archived.id === id ? message : `uses an archived segment: ${message}` })
  }
  const [first, ...more] = mistakes
  if (first) throw badInput(first.path, first.message, more)
}

/** Every leaf that refers to a segment, with its path, as in `input.content.constraint.all[1].segment`. */
function leavesOf(constraint: Constraint, path: string): { segment: string; path: string }[] {
  if ('all' in constraint) return constraint.all.flatMap((part, at) => leavesOf(part, `${path}.all[${at}]`))
  if ('any' in constraint) return constraint.any.flatMap((part, at) => leavesOf(part, `${path}.any[${at}]`))
  if ('not' in constraint) return leavesOf(constraint.not, `${path}.not`)
  return 'segment' in constraint ? [{ segment: constraint.segment, path: `${path}.segment` }] : []
}
