// The delivery subgraph: what is on the nodes, and what puts it there and takes it off. It runs with its reconciliation.

import type { TokenVerifier } from '../../common/access/tokens.ts'
import { operationUsesIndexes } from '../../common/apps/operation-uses.ts'
import type { Services } from '../../common/command/services.ts'
import { buildSubgraph, type Subgraph, type SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import type { Checks } from '../../common/service/health.ts'
import { closeAll } from '../../common/service/shutdown.ts'
import { type RunningSubgraph, type SubgraphResources, servicesOf } from '../../common/service/subgraph-process.ts'
import { type DeliveryLoaders, deliveryLoaders } from './loaders.ts'
import { measureReconciliation, reconciliationFinding, startReconciliation } from './reconciliation.ts'
import { deliveryIndexes } from './repository.ts'
import { deliveryResolvers } from './resolvers.ts'
import { startUseCollection } from './use-collection.ts'

export const delivery: SubgraphDefinition<DeliveryLoaders> = {
  name: 'delivery',
  schema: new URL('./schema.graphql', import.meta.url),
  indexes: [...deliveryIndexes, ...operationUsesIndexes],
  resolvers: deliveryResolvers,
  loaders: deliveryLoaders,
}

export type Delivery = { subgraph: Subgraph; checks: Checks; stop(): Promise<void> }

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  return startDelivery(servicesOf('delivery', resources), resources.verify)
}

/** Resolves after the first round of the reconciliation: then the channel has what it lacked. */
export async function startDelivery(services: Services, verify: TokenVerifier): Promise<Delivery> {
  const subgraph = await buildSubgraph(delivery, services, verify)
  const reconciliation = startReconciliation(services)
  const useCollection = startUseCollection(services)
  await reconciliation.runOnce()
  if (services.metrics) measureReconciliation(services.metrics, reconciliation)
  return {
    subgraph,
    checks: { reconciliation: () => reconciliationFinding(reconciliation, services.now()) },
    stop() {
      const parts = [
        { name: 'subgraph delivery', close: () => subgraph.stop() },
        { name: 'reconciliation', close: () => reconciliation.stop() },
        { name: 'uses of operations', close: () => useCollection.stop() },
      ]
      return closeAll(parts, services.log)
    },
  }
}
