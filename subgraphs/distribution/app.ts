// Builds a distribution node: the table and its sync with the channel, the lane for apps, and the subgraph for the gateway.
// A node does not use MongoDB.

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { TokenVerifier } from '../../common/access/tokens.ts'
import type { LaneApp } from '../../common/apps/apps.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import type { Logger } from '../../common/base/log.ts'
import type { Metrics } from '../../common/base/metrics.ts'
import type { Channel } from '../../common/channel/channel.ts'
import type { Caller } from '../../common/command/services.ts'
import { runSubgraph, type Subgraph } from '../../common/graphql/subgraph.ts'
import { createLane, type Lane } from '../../common/lane/lane.ts'
import type { Overload } from '../../common/lane/overload.ts'
import type { PersistedOperations } from '../../common/lane/persisted-operations.ts'
import type { Checks } from '../../common/service/health.ts'
import { closeAll } from '../../common/service/shutdown.ts'
import type { RunningSubgraph, SubgraphResources } from '../../common/service/subgraph-process.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import type { OperationList } from '../../engine/publication/types.ts'
import { type NodeOperations, startNodeOperations } from './app-operations.ts'
import { type Node, noCapTokens } from './decisions.ts'
import { type AnsweredContext, cacheControl, revalidation } from './keeping.ts'
import { distributionChecks, measureAppOperations, measureDistribution } from './monitoring.ts'
import { distributionResolvers } from './resolvers.ts'
import { type Sync, type SyncIntervals, startSync } from './sync.ts'

export type DistributionOptions = {
  channel: Channel
  keys: SigningKeys
  /** This node's name. */
  node: string
  /** Where the node keeps its snapshot. Undefined: it keeps none. */
  ownFolder?: string | undefined
  verify: TokenVerifier
  operations: PersistedOperations
  laneFields: readonly string[]
  /** Undefined: requests are taken however much work there is. */
  overload?: Overload | undefined
  now: () => number
  random: () => number
  log: Logger
  /** Undefined: no metrics. */
  metrics?: Metrics | undefined
  intervals?: Partial<SyncIntervals>
  /** Time between two reports of the uses of operations, in ms. */
  reportUsesEveryMs?: number
}

export type Distribution = { subgraph: Subgraph; lane: Lane; sync: Sync; checks: Checks; stop(): Promise<void> }

/** Where the SDL is. The composition of the supergraph reads it without building a node. */
export const distributionSchema = new URL('./schema.graphql', import.meta.url)

export function startSubgraph({ channel, ...resources }: SubgraphResources): Promise<RunningSubgraph> {
  if (!channel) throw new Error("A node has no channel. Add 'channel' to its `needs` in subgraphs/registry.ts.")
  return buildDistribution({ ...resources, channel, node: newNodeName() })
}

export async function buildDistribution(options: DistributionOptions): Promise<Distribution> {
  const { channel, keys, node, verify, now, random, log, metrics } = options
  const { ownFolder: snapshotFolder, intervals } = options
  let appOperations: NodeOperations | undefined
  const onOperations = (list: OperationList) => appOperations?.update(list)
  const sync = await startSync({ channel, keys, node, snapshotFolder, clock: now, log, onOperations, intervals })
  const capTokens = noCapTokens()
  if (metrics) measureDistribution(metrics, sync, capTokens)
  const decider: Node = {
    get table() {
      return sync.table
    },
    get ready() {
      return sync.ready
    },
    cutOffMs: () => sync.cutOffMs(),
    now,
    random,
    capTokens,
  }
  const resolvers = distributionResolvers(decider)
  const parts = { name: 'distribution', schema: distributionSchema, resolvers, loaders: () => undefined }
  const subgraph = await runSubgraph(parts, log, verify, metrics)
  const laneSchema = {
    rootFields: options.laneFields,
    schema: subgraph.graphQLSchema,
    frozenTypes: ['DecidedCreative'],
    log,
  }
  const { reportUsesEveryMs: reportEveryMs } = options
  const own = startNodeOperations({ ...laneSchema, sync, channel, node, now, reportEveryMs })
  appOperations = own
  await own.compileAll()
  if (metrics) measureAppOperations(metrics, own)
  const lane = createLane({
    ...laneSchema,
    operations: options.operations,
    appOfKey(hash) {
      const app = sync.ready ? laneApp(sync, hash, now()) : undefined
      if (!app) requireLoaded(sync)
      return app
    },
    allowsOrigin(origin) {
      const allowed = sync.ready && sync.table.allowsOrigin(origin)
      if (!allowed) requireLoaded(sync)
      return allowed
    },
    context: (caller: Caller) => ({ caller, loaders: undefined }),
    overload: options.overload,
    appOperations: own.of,
    onUse: own.onUse,
    cacheControl: (context) => cacheControl(sync.table, context as AnsweredContext, now()),
    revalidation: (context) => revalidation(decider, context as AnsweredContext),
    now,
    onError: metrics && ((code) => metrics.error('distribution lane', code)),
  })
  return {
    subgraph,
    lane,
    sync,
    checks: { ...distributionChecks(sync), operations: own.check },
    stop() {
      const parts = [
        { name: 'subgraph distribution', close: () => subgraph.stop() },
        { name: 'sync', close: () => sync.stop() },
        { name: 'operations of apps', close: () => own.stop() },
      ]
      return closeAll(parts, log)
    },
  }
}

/** A name that no other node has: the machine's name and a random part, as in `host-1-3f2a9c01`. */
function newNodeName(): string {
  return `${hostname()}-${randomUUID().slice(0, 8)}`
}

function laneApp({ table }: Sync, hash: string, now: number): LaneApp | undefined {
  const app = table.appOfKey(hash, now)
  return app === undefined ? undefined : table.settings(app)
}

/**
 * Answers UNAVAILABLE instead of "unknown key" or "origin not allowed" while settings are missing. The key or origin may
 * belong to an app that is not loaded yet, and clients do not try again after a refusal.
 */
function requireLoaded({ ready, lacksSettings }: Sync): void {
  if (!ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet: try again in a few seconds')
  if (lacksSettings)
    throw new AlkaidError(
      'UNAVAILABLE',
      'This node has not loaded the settings of all apps yet: try again in a few seconds',
    )
}
