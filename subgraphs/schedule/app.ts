// The definition of the schedule subgraph: apps, their slots, and the schedules that are booked in them.

import type { SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import { type RunningSubgraph, type SubgraphResources, startDefinition } from '../../common/service/subgraph-process.ts'
import { type ScheduleLoaders, scheduleLoaders } from './loaders.ts'
import { schedules, slots } from './repository.ts'
import { scheduleResolvers } from './resolvers.ts'

export const schedule: SubgraphDefinition<ScheduleLoaders> = {
  name: 'schedule',
  schema: new URL('./schema.graphql', import.meta.url),
  indexes: [...slots.indexes, ...schedules.indexes],
  resolvers: scheduleResolvers,
  loaders: scheduleLoaders,
}

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  return startDefinition(schedule, resources)
}
