// The collections of strategies, of segments, and of the revisions of both. Nothing else touches them.

import { type Head, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Constraint, Rollout } from '../../common/targeting/types.ts'

export type StrategyContent = {
  name: string
  /** null: everyone. It may name segments. */
  constraint: Constraint | null
  /** null: all of them. */
  rollout: Rollout | null
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

export const segments = revisionedRepository<SegmentContent>({
  kind: 'segment',
  what: 'segment',
  heads: 'segments',
  revisions: 'segmentRevisions',
})
