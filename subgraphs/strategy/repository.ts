// The collections of strategies, of segments, and of the revisions of both. Nothing else touches them.

import { type Head, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Db } from '../../common/store/rows.ts'
import type { FrequencyCap } from '../../engine/publication/types.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import type { Constraint, Rollout } from '../../engine/targeting/types.ts'

export type StrategyContent = {
  name: string
  /** null: everyone. It may name segments. */
  constraint: Constraint | null
  /** null: all of them. */
  rollout: Rollout | null
  /** How often one user may be served one schedule with this strategy. */
  caps: FrequencyCap[]
}

export type SegmentContent = {
  name: string
  /** It may name other segments. */
  constraint: Constraint
}

export type Strategy = Head<StrategyContent>
export type Segment = Head<SegmentContent>

export const strategies = revisionedRepository<StrategyContent>({
  kind: 'strategy',
  what: 'strategy',
  heads: 'strategies',
  revisions: 'strategyRevisions',
})

const revisioned = revisionedRepository<SegmentContent>({
  kind: 'segment',
  what: 'segment',
  heads: 'segments',
  revisions: 'segmentRevisions',
})

export const segments = {
  ...revisioned,

  /** The newest revisions of the segments with these ids, of those that they name, and so on, by id: one read a level. */
  async reached(db: Db, ids: readonly string[]): Promise<Map<string, Segment>> {
    const reached = new Map<string, Segment>()
    for (let next = [...ids]; next.length > 0; ) {
      const found = (await revisioned.byIds(db, next)).filter((segment) => segment !== null)
      for (const segment of found) reached.set(segment._id, segment)
      const named = found.flatMap((segment) => segmentsIn(segment.content.constraint))
      next = [...new Set(named)].filter((id) => !reached.has(id))
    }
    return reached
  },
}
