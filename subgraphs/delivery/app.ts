// The delivery subgraph: what is on the nodes, and what puts it there and takes it off.

import type { SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import { type DeliveryLoaders, deliveryLoaders } from './loaders.ts'
import { deliveryIndexes } from './repository.ts'
import { deliveryResolvers } from './resolvers.ts'

export const delivery: SubgraphDefinition<DeliveryLoaders> = {
  name: 'delivery',
  schema: new URL('./schema.graphql', import.meta.url),
  indexes: deliveryIndexes,
  resolvers: deliveryResolvers,
  loaders: deliveryLoaders,
}
