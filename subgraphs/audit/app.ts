// The audit subgraph: what is sent to the reviewers, what they decide, and who changed what.

import type { SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import { type RunningSubgraph, type SubgraphResources, startDefinition } from '../../common/service/subgraph-process.ts'
import { type AuditLoaders, auditLoaders } from './loaders.ts'
import { reviews } from './repository.ts'
import { auditResolvers } from './resolvers.ts'

export const audit: SubgraphDefinition<AuditLoaders> = {
  name: 'audit',
  schema: new URL('./schema.graphql', import.meta.url),
  indexes: reviews.indexes,
  resolvers: auditResolvers,
  loaders: auditLoaders,
}

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  return startDefinition(audit, resources)
}
