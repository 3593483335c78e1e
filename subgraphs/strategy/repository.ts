// The collections of strategies and their revisions. Nothing else touches them.

import { type Head, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Constraint } from '../../common/targeting/types.ts'

export type StrategyContent = {
  name: string
  /** null: everyone. */
  constraint: Constraint | null
}

export type Strategy = Head<StrategyContent>

export const strategies = revisionedRepository<StrategyContent>({
  kind: 'strategy',
  what: 'strategy',
  heads: 'strategies',
  revisions: 'strategyRevisions',
})
