// Builds the stats subgraph, its worker, and the lane for apps. The way of an event through the files:
//
// 1. batch-queue.ts lets the batch in when it is its turn. event-recorder.ts checks the event and appends it to the event stream. Only
//    then the app hears "accepted".
// 2. The stream keeps it: common/channel/redis-event-stream.ts, or mongo-event-stream.ts without Redis.
// 3. worker.ts reads the stream. fold.ts computes what the event adds to which minute, hour and day.
// 4. repository.ts adds that to the rollups, in the same transaction that moves the worker's position.
// 5. report.ts answers questions from the rollups; total.ts computes exact totals.

import type { TokenVerifier } from '../../common/access/tokens.ts'
import { appDirectory } from '../../common/apps/app-directory.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Services } from '../../common/command/services.ts'
import { buildSubgraph, type Subgraph, type SubgraphDefinition } from '../../common/graphql/subgraph.ts'
import type { HttpRequest } from '../../common/http/server.ts'
import { createLane, type Lane } from '../../common/lane/lane.ts'
import type { Overload } from '../../common/lane/overload.ts'
import type { PersistedOperations } from '../../common/lane/persisted-operations.ts'
import type { Checks } from '../../common/service/health.ts'
import { closeAll } from '../../common/service/shutdown.ts'
import { type RunningSubgraph, type SubgraphResources, servicesOf } from '../../common/service/subgraph-process.ts'
import { startStatsOperations } from './app-operations.ts'
import { type BatchQueue, createBatchQueue } from './batch-queue.ts'
import { createEventRecorder, type RecordedEvents } from './event-recorder.ts'
import { type StatsLoaders, statsLoaders } from './loaders.ts'
import { connectMongoEventStream } from './mongo-event-stream.ts'
import { measureStats, statsChecks } from './monitoring.ts'
import { statsIndexes } from './repository.ts'
import { statsResolvers } from './resolvers.ts'
import { type StatsWorker, startStatsWorker } from './worker.ts'

export type StatsOptions = {
  /** The caller closes it. Undefined: the stream is in collections of the store. */
  stream: EventStream | undefined
  /** The most events in the stream of the store. Default: a million. */
  maxStreamEvents?: number | undefined
  verify: TokenVerifier
  operations: PersistedOperations
  laneFields: readonly string[]
  /** Undefined: requests are taken however much work there is. */
  overload?: Overload | undefined
}

export type Stats = { subgraph: Subgraph; lane: Lane; worker: StatsWorker; checks: Checks; stop(): Promise<void> }

export function startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> {
  const { eventStream: stream, maxStreamEvents, verify, operations, laneFields, overload } = resources
  return createStats(servicesOf('stats', resources), {
    stream,
    maxStreamEvents,
    verify,
    operations,
    laneFields,
    overload,
  })
}

/** Starts the worker as well. `stop` leaves events that are not folded yet in the stream; the next start continues there. */
export async function createStats(services: Services, options: StatsOptions): Promise<Stats> {
  const stream = options.stream ?? (await connectMongoEventStream(services.store, options.maxStreamEvents))
  const sums: RecordedEvents = { accepted: 0, forged: 0, future: 0, expired: 0 }
  const onRecorded = (batch: RecordedEvents) => {
    addTo(sums, batch)
    worker.wake()
  }
  const subgraph = await buildSubgraph(statsSubgraph(stream, onRecorded), services, options.verify)
  const worker = startStatsWorker(services, stream, { name: options.stream ? 'redis' : 'mongodb' })
  const { store, now, log, metrics } = services
  if (metrics) measureStats(metrics, { stream, worker, recorded: () => sums })
  const apps = appDirectory(store, { now, log })
  await apps.load()
  const laneSchema = { rootFields: options.laneFields, schema: subgraph.graphQLSchema, log }
  const appOperations = await startStatsOperations(services, laneSchema)
  const lane = createLane({
    ...laneSchema,
    operations: options.operations,
    appOfKey: apps.appOfKey,
    allowsOrigin: apps.allowsOrigin,
    overload: options.overload,
    context: (caller) => ({ caller, loaders: statsLoaders(services, caller) }),
    appOperations: appOperations.of,
    onUse: appOperations.onUse,
    now,
    onError: metrics && ((code) => metrics.error('stats lane', code)),
  })
  const queue = createBatchQueue()
  return {
    subgraph,
    lane: { ...lane, handle: (request) => lane.handle(queued(request, queue)) },
    worker,
    checks: statsChecks(stream, worker, now),
    stop() {
      const parts = [
        ...(options.stream ? [] : [{ name: 'event stream', close: () => stream.close() }]),
        { name: 'operations of apps', close: () => appOperations.stop() },
        { name: 'stats worker', close: () => worker.stop() },
        { name: 'subgraph stats', close: () => subgraph.stop() },
      ]
      return closeAll(parts, log)
    },
  }
}

function addTo(sums: RecordedEvents, batch: RecordedEvents): void {
  sums.accepted += batch.accepted
  sums.forged += batch.forged
  sums.future += batch.future
  sums.expired += batch.expired
}

/** The request, whose body comes through the queue. */
function queued(request: HttpRequest, queue: BatchQueue): HttpRequest {
  if (request.method !== 'POST') return request
  const body = async (maxBytes?: number) => {
    const text = await request.body(maxBytes)
    await queue.admit(text.length)
    return text
  }
  return { ...request, body }
}

/** The subgraph without worker and lane. `onRecorded` is called after the events of a batch were appended to the stream. */
export function statsSubgraph(
  stream: EventStream,
  onRecorded: (batch: RecordedEvents) => void = () => {},
): SubgraphDefinition<StatsLoaders> {
  return {
    name: 'stats',
    schema: new URL('./schema.graphql', import.meta.url),
    indexes: statsIndexes,
    loaders: statsLoaders,
    resolvers(services) {
      const recordEvents = createEventRecorder(services, stream)
      return statsResolvers(services, async (caller, input) => {
        const recorded = await recordEvents(caller, input)
        onRecorded(recorded)
        return recorded
      })
    },
  }
}
