// The DataLoaders of strategy: what one request needs of strategies and segments is read together.

import type { Services } from '../../common/command/services.ts'
import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import {
  type Segment,
  type SegmentContent,
  type Strategy,
  type StrategyContent,
  segments,
  strategies,
} from './repository.ts'

export type StrategyLoaders = {
  strategies: RevisionedLoaders<Strategy, Revision<StrategyContent>>
  segments: RevisionedLoaders<Segment, Revision<SegmentContent>>
}

export function strategyLoaders({ store }: Services): StrategyLoaders {
  return { strategies: revisionedLoaders(store, strategies), segments: revisionedLoaders(store, segments) }
}
