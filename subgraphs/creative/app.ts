// The definition of the creative subgraph: creatives, which are what an app shows, and their revisions.

import type { SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import { type RunningSubgraph, type SubgraphResources, startDefinition } from '../../common/service/subgraph-process.ts'
import { type CreativeLoaders, creativeLoaders } from './loaders.ts'
import { creatives } from './repository.ts'
import { creativeResolvers } from './resolvers.ts'

export const creative: SubgraphDefinition<CreativeLoaders> = {
  name: 'creative',
  schema: new URL('./schema.graphql', import.meta.url),
  indexes: creatives.indexes,
  resolvers: creativeResolvers,
  loaders: creativeLoaders,
}

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  return startDefinition(creative, resources)
}
