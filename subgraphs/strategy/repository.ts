// The collections of strategies, segments, and the revisions of both. Nothing else touches them.

import type { Db } from '../../common/store/collection.ts'
import { type Head, revisionedRepository } from '../../common/store/revisioned.ts'
import type { FrequencyCap } from '../../engine/publication/types.ts'
import { walkSegments } from '../../engine/targeting/segments.ts'
import type { Constraint, Rollout } from '../../engine/targeting/types.ts'

export type StrategyContent = {
  name: string
  /** Who matches; null: everyone. It may refer to segments. */
  constraint: Constraint | null
  /** The share of those who match; null: all of them. */
  rollout: Rollout | null
  /** How often one user may be served one schedule with this strategy. */
  caps: FrequencyCap[]
}

export type SegmentContent = {
  name: string
  /** It may refer to other segments. */
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

  /** Id -> segment, for these segments, the segments inside them, and so on, at their newest revision. One read for each level. */
  withNested(db: Db, ids: readonly string[]): Promise<Map<string, Segment>> {
    const read = async (level: readonly string[]) => {
      const found = (await revisioned.byIds(db, level)).filter((segment) => segment !== null)
      return new Map(found.map((segment) => [segment._id, segment]))
    }
    return walkSegments(ids, read, ({ content }) => content.constraint)
  },
}
