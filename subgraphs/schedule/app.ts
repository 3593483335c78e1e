// The definition of the schedule subgraph: apps, their operations and slots, and the schedules that are booked in them.

import { operationUsesIndexes } from '../../common/apps/operation-uses.ts'
import { DEFAULT_QUERY_LIMITS, type QueryLimits } from '../../common/graphql/query-limits.ts'
import type { SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import type { PersistedOperations } from '../../common/lane/persisted-operations.ts'
import { type RunningSubgraph, type SubgraphResources, startDefinition } from '../../common/service/subgraph-process.ts'
import { type ScheduleLoaders, scheduleLoaders } from './loaders.ts'
import { createOperationsService } from './operations-service.ts'
import { schedules, slots } from './repository.ts'
import { scheduleResolvers } from './resolvers.ts'

/** `operations`: the built-in ones. `queryLimits`: those on one operation of an app. */
export type ScheduleOptions = { operations: PersistedOperations; queryLimits: QueryLimits }

export function scheduleSubgraph(options: ScheduleOptions): SubgraphDefinition<ScheduleLoaders> {
  return {
    name: 'schedule',
    schema: new URL('./schema.graphql', import.meta.url),
    indexes: [...slots.indexes, ...schedules.indexes, ...operationUsesIndexes],
    resolvers: (services) => scheduleResolvers(services, createOperationsService(services, options)),
    loaders: scheduleLoaders,
  }
}

/** With the usual limits, and without built-in operations. */
export const schedule = scheduleSubgraph({ operations: new Map(), queryLimits: DEFAULT_QUERY_LIMITS })

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  return startDefinition(scheduleSubgraph(resources), resources)
}
