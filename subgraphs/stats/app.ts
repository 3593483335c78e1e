// The stats subgraph, put together: events in, through the stream and the worker, and reports out; and the lane on
// which apps send their events.

import type { TokenVerifier } from '../../common/access/tokens.ts'
import { appDirectory } from '../../common/apps/app-directory.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Services } from '../../common/command/services.ts'
import { buildSubgraph, type Subgraph, type SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import { createLane, type Lane } from '../../common/lane/lane.ts'
import type { PersistedOperations } from '../../common/lane/persisted-operations.ts'
import { closeAll } from '../../common/service/ending.ts'
import type { Checks } from '../../common/service/health.ts'
import { laneFieldsOf } from '../registry.ts'
import { createAcceptor } from './accept.ts'
import { type StatsLoaders, statsLoaders } from './loaders.ts'
import { connectMongoEventStream } from './mongo-event-stream.ts'
import { measureStats, statsChecks } from './monitoring.ts'
import { statsIndexes } from './repository.ts'
import { statsResolvers } from './resolvers.ts'
import { type StatsWorker, startStatsWorker } from './worker.ts'

export type StatsOptions = {
  /** Undefined: in collections of the store. It stays the caller's to close. */
  stream: EventStream | undefined
  verify: TokenVerifier
  operations: PersistedOperations
}

export type Stats = { subgraph: Subgraph; lane: Lane; worker: StatsWorker; checks: Checks; stop(): Promise<void> }

/** Starts the worker, too. `stop` leaves what is not folded yet in the stream; the next start goes on there. */
export async function createStats(services: Services, options: StatsOptions): Promise<Stats> {
  const stream = options.stream ?? (await connectMongoEventStream(services.store))
  const subgraph = await buildSubgraph(
    statsSubgraph(stream, () => worker.wake()),
    services,
    options.verify,
  )
  const worker = startStatsWorker(services, stream, { name: options.stream ? 'redis' : 'mongodb' })
  const { store, now, log, metrics } = services
  if (metrics) measureStats(metrics, stream, worker)
  const apps = appDirectory(store, { now, log })
  await apps.load()
  const lane = createLane({
    operations: options.operations,
    rootFields: laneFieldsOf('stats'),
    schema: subgraph.graphQLSchema,
    appOfKey: apps.appOfKey,
    allowsOrigin: apps.allowsOrigin,
    context: (caller) => ({ caller, loaders: statsLoaders(services, caller) }),
    now,
    log,
    onError: metrics && ((code) => metrics.error('stats lane', code)),
  })
  return {
    subgraph,
    lane,
    worker,
    checks: statsChecks(stream, worker, now),
    stop() {
      const parts = [
        ...(options.stream ? [] : [{ name: 'event stream', close: () => stream.close() }]),
        { name: 'stats worker', close: () => worker.stop() },
        { name: 'subgraph stats', close: () => subgraph.stop() },
      ]
      return closeAll(parts, log)
    },
  }
}

/** The subgraph alone. `accepted` is called when there is something for the worker to fold. */
export function statsSubgraph(stream: EventStream, accepted: () => void = () => {}): SubgraphDefinition<StatsLoaders> {
  return {
    name: 'stats',
    schema: new URL('./schema.graphql', import.meta.url),
    indexes: statsIndexes,
    loaders: statsLoaders,
    resolvers(services) {
      const accept = createAcceptor(services, stream)
      return statsResolvers(services, async (caller, input) => {
        const recorded = await accept(caller, input)
        accepted()
        return recorded
      })
    },
  }
}
