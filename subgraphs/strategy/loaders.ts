// Everything that one request asks for of strategies, read at once.

import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Services } from '../../common/services.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { type Strategy, type StrategyContent, strategies } from './repository.ts'

export type StrategyLoaders = { strategies: RevisionedLoaders<Strategy, Revision<StrategyContent>> }

export function strategyLoaders({ store }: Services): StrategyLoaders {
  return { strategies: revisionedLoaders(store, strategies) }
}
