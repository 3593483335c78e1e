// The definition of the strategy subgraph: strategies and segments, which say who sees a schedule.

import type { SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import { type RunningSubgraph, type SubgraphResources, startDefinition } from '../../common/service/subgraph-process.ts'
import { type StrategyLoaders, strategyLoaders } from './loaders.ts'
import { segments, strategies } from './repository.ts'
import { strategyResolvers } from './resolvers.ts'

export const strategy: SubgraphDefinition<StrategyLoaders> = {
  name: 'strategy',
  schema: new URL('./schema.graphql', import.meta.url),
  indexes: [...strategies.indexes, ...segments.indexes],
  resolvers: strategyResolvers,
  loaders: strategyLoaders,
}

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  return startDefinition(strategy, resources)
}
