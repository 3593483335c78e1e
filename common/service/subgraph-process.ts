// A subgraph as a process of its own: opens what the subgraph needs, starts it, and answers the gateway at `/federation` and
// apps at `/graphql`. `npm start` starts the same subgraphs in one process (platform/app.ts).

import { join } from 'node:path'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import type { TokenVerifier } from '../access/tokens.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Channel } from '../channel/channel.ts'
import type { EventStream } from '../channel/event-stream.ts'
import { noChannel } from '../channel/in-process.ts'
import type { Services } from '../command/services.ts'
import { federationHandler } from '../graphql/federation.ts'
import type { QueryLimits } from '../graphql/query-limits.ts'
import { buildSubgraph, type Subgraph, type SubgraphDefinition } from '../graphql/subgraph.ts'
import type { Lane } from '../lane/lane.ts'
import { type Overload, watchOverload } from '../lane/overload.ts'
import { type PersistedOperations, readPersistedOperations } from '../lane/persisted-operations.ts'
import type { Store } from '../store/store.ts'
import { openMongoDb, openRedisChannel, openRedisStream } from './connections.ts'
import { type Checks, channelCheck, storeCheck } from './health.ts'
import { type ProcessContext, startProcess } from './process.ts'
import type { ServiceParts } from './routes.ts'
import { readServiceSecrets } from './secrets.ts'
import type { RequiredSetting } from './settings.ts'

/** A line of subgraphs/registry.ts. */
export type SubgraphEntry = {
  /** Its folder is `subgraphs/<name>`; the gateway finds it at `<NAME>_URL`. */
  name: string
  /** The default of PORT when it runs alone. */
  port: number
  /** What it owns or does, in one line, for `--help` and the docs. */
  about: string
  needs: readonly Resource[]
  /** Fields of Query or Mutation for which apps may send persisted operations to its lane; none: it has no lane. */
  laneFields?: readonly string[]
  /** Whether `npm start`, too, gives it a port of its own, because apps ask it directly. */
  hasOwnPort?: boolean
  /** Whether several processes of it can run behind one port (`--workers`). */
  canHaveWorkers?: boolean
  /** Whether it starts while Redis is out of reach, and connects later. */
  startsWithoutRedis?: boolean
  /** The subgraphs whose `repository.ts` it may import. */
  usesRepositoriesOf?: readonly string[]
  load(): Promise<SubgraphModule>
}

/** Something that a process opens for a subgraph. */
export type Resource = 'store' | 'channel' | 'event stream'

/** What `app.ts` of a subgraph exports. */
export type SubgraphModule = { startSubgraph(resources: SubgraphResources): Promise<RunningSubgraph> }

/** What a subgraph is started with. What its entry does not list under `needs` is undefined. */
export type SubgraphResources = {
  store: Store | undefined
  channel: Channel | undefined
  /** Without Redis it is undefined even for those who need it: stats then keeps its events in the store. */
  eventStream: EventStream | undefined
  /** The most events in that stream in the store. */
  maxStreamEvents?: number
  /** A folder on disk that is its own. Undefined with `npm start`: there the store is local. */
  ownFolder?: string | undefined
  keys: SigningKeys
  verify: TokenVerifier
  /** The operations that apps may send. */
  operations: PersistedOperations
  /** Says whether the process has too much work to take a request of an app. */
  overload: Overload
  /** As in its entry. */
  laneFields: readonly string[]
  /** The limits on queries of clients. The operations that apps register have the same. */
  queryLimits: QueryLimits
  /** Milliseconds since the Unix epoch. */
  now: () => number
  /** From 0 to below 1. */
  random: () => number
  log: Logger
  metrics: Metrics
}

/** A subgraph that runs, with what runs beside it. */
export type RunningSubgraph = {
  subgraph: Subgraph
  lane?: Lane
  /** In addition to those of the resources. */
  checks?: Checks
  stop(): Promise<void>
}

/** The resources of a subgraph over the store. Throws when its entry does not list the store. */
export function servicesOf(name: string, { store, channel, keys, now, log, metrics }: SubgraphResources): Services {
  if (!store)
    throw new Error(`The subgraph ${name} has no store. Add 'store' to its \`needs\` in subgraphs/registry.ts.`)
  return { store, channel: channel ?? noChannel(name), keys, now, log, metrics }
}

/** Starts a subgraph that needs nothing beside its definition. */
export async function startDefinition<Loaders>(
  definition: SubgraphDefinition<Loaders>,
  resources: SubgraphResources,
): Promise<RunningSubgraph> {
  const subgraph = await buildSubgraph(definition, servicesOf(definition.name, resources), resources.verify)
  return { subgraph, stop: () => subgraph.stop() }
}

const OPERATIONS = new URL('../../schema/persisted-queries.json', import.meta.url)

const SETTING_OF: Record<Resource, RequiredSetting> = {
  store: 'MONGODB_URI',
  channel: 'REDIS_URL',
  'event stream': 'REDIS_URL',
}

/** The settings without which a subgraph does not start alone, for example MONGODB_URI and SERVICE_SECRET. */
export function neededSettings({ needs }: Pick<SubgraphEntry, 'needs'>): RequiredSetting[] {
  return [...new Set(needs.map((resource) => SETTING_OF[resource])), 'SERVICE_SECRET']
}

/** @param env the environment of the process; nobody else reads it. */
export async function startSubgraphProcess(
  entry: SubgraphEntry,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { name, about, port, canHaveWorkers } = entry
  const needs = neededSettings(entry)
  await startProcess({ name, about, port, canHaveWorkers, needs, build: (frame) => build(entry, frame) }, env)
}

async function build(entry: SubgraphEntry, frame: ProcessContext): Promise<ServiceParts> {
  const { name, laneFields = [] } = entry
  const { settings, verify, log, metrics, closing } = frame
  const serviceSecrets = readServiceSecrets(settings)
  const opened = await openResources(entry, frame)
  const overload = watchOverload(settings.overload, metrics)
  closing('overload', overload.stop)
  const { startSubgraph } = await entry.load()
  const { subgraph, lane, checks, stop } = await startSubgraph({
    ...opened,
    ownFolder: join(settings.dataDir, `${name}-${settings.port}`),
    keys: frame.signingKeys,
    verify,
    operations: readPersistedOperations(OPERATIONS),
    laneFields,
    queryLimits: settings.queryLimits,
    overload,
    now: Date.now,
    random: Math.random,
    log,
    metrics,
  })
  closing(name, stop)
  const { store, channel } = opened
  return {
    lane: lane && ((request) => lane.handle(request)),
    federation: federationHandler(subgraph, serviceSecrets.accepted),
    checks: {
      ...(store && { store: storeCheck(store) }),
      ...(channel && { channel: channelCheck(channel) }),
      ...checks, // a node has a check of the channel of its own
    },
  }
}

/** The settings are there: the process does not start without those that its `needs` ask for. */
async function openResources(
  { needs, startsWithoutRedis }: SubgraphEntry,
  { settings, log, metrics, setup, closing }: ProcessContext,
): Promise<Pick<SubgraphResources, 'store' | 'channel' | 'eventStream'>> {
  const redisUrl = settings.redisUrl!
  let store: Store | undefined
  let channel: Channel | undefined
  let eventStream: EventStream | undefined
  if (needs.includes('store')) {
    store = await openMongoDb(settings.mongodbUri!, { log, metrics })
    closing('store', () => store?.close())
    setup.addStore(store)
  }
  if (needs.includes('channel')) {
    const configCheck = setup.addRedis({ holdsEvents: false })
    channel = await openRedisChannel(redisUrl, log, { configCheck, mayConnectLater: startsWithoutRedis })
    closing('channel', () => channel?.close())
  }
  if (needs.includes('event stream')) {
    eventStream = await openRedisStream(redisUrl, log, setup.addRedis({ holdsEvents: true }))
    closing('event stream', () => eventStream?.close())
  }
  return { store, channel, eventStream }
}
