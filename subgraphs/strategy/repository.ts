// The collections of strategies, of segments, and of the revisions of both. Nothing else touches them.

import type { FrequencyCap } from '../../common/publication/types.ts'
import { type Head, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import type { Constraint, Rollout } from '../../common/targeting/types.ts'

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

/** +1 by every revision that relies on what the segment names, so that it collides with a revision of the segment. */
export type SegmentMore = { guard: number }

export type Strategy = Head<StrategyContent>
export type Segment = Head<SegmentContent, SegmentMore>

export const strategies = revisionedRepository<StrategyContent>({
  kind: 'strategy',
  what: 'strategy',
  heads: 'strategies',
  revisions: 'strategyRevisions',
})

const revisioned = revisionedRepository<SegmentContent, SegmentMore>({
  kind: 'segment',
  what: 'segment',
  heads: 'segments',
  revisions: 'segmentRevisions',
})

export const segments = {
  ...revisioned,

  /** Makes this transaction collide with every other that revises one of them. */
  async guard(tx: Tx, ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await tx.rows<Segment>('segments').updateMany({ _id: { $in: [...ids] } }, { $inc: { guard: 1 } })
  },
}
