// A distribution node: its table kept in step with the channel, the lane for apps over it, and the subgraph for
// everyone else. It uses nothing of MongoDB.

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
import type { PersistedOperations } from '../../common/lane/persisted-operations.ts'
import { closeAll } from '../../common/service/ending.ts'
import type { Checks } from '../../common/service/health.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import { laneFieldsOf } from '../registry.ts'
import { type Answer, noCapTokens } from './answer.ts'
import { distributionResolvers } from './resolvers.ts'
import { type Sync, type SyncIntervals, startSync } from './sync.ts'
import { distributionChecks, measureDistribution } from './watch.ts'

export type DistributionOptions = {
  channel: Channel
  keys: SigningKeys
  /** This node's name. */
  node: string
  verify: TokenVerifier
  operations: PersistedOperations
  now: () => number
  random: () => number
  log: Logger
  /** Undefined: nobody counts. */
  metrics?: Metrics | undefined
  intervals?: Partial<SyncIntervals>
}

export type Distribution = { subgraph: Subgraph; lane: Lane; sync: Sync; checks: Checks; stop(): Promise<void> }

/** The SDL alone; composition reads it. */
export const distributionSchema = new URL('./schema.graphql', import.meta.url)

export async function buildDistribution(options: DistributionOptions): Promise<Distribution> {
  const { channel, keys, node, verify, now, random, log, metrics } = options
  const sync = await startSync({ channel, keys, node, clock: now, log, intervals: options.intervals })
  const capTokens = noCapTokens()
  if (metrics) measureDistribution(metrics, sync, capTokens)
  const resolvers = distributionResolvers({
    get table() {
      return sync.table
    },
    get ready() {
      return sync.ready
    },
    now,
    random,
    capTokens,
  })
  const parts = { name: 'distribution', schema: distributionSchema, resolvers, loaders: () => undefined }
  const subgraph = await runSubgraph(parts, log, verify, metrics)
  const lane = createLane({
    operations: options.operations,
    rootFields: laneFieldsOf('distribution'),
    schema: subgraph.graphQLSchema,
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
    cacheControl: (_answer, context) => cacheControl(sync, context as LaneContext, now()),
    now,
    log,
    onError: metrics && ((code) => metrics.error('distribution lane', code)),
  })
  return {
    subgraph,
    lane,
    sync,
    checks: distributionChecks(sync),
    stop() {
      const parts = [
        { name: 'subgraph distribution', close: () => subgraph.stop() },
        { name: 'sync', close: () => sync.stop() },
      ]
      return closeAll(parts, log)
    },
  }
}

/** A name that no other node has: the machine's, and something of this start. */
export function newNodeName(): string {
  return `${hostname()}-${randomUUID().slice(0, 8)}`
}

type LaneContext = { caller: Caller; answers?: Answer[] }

function laneApp({ table }: Sync, hash: string, now: number): LaneApp | undefined {
  const app = table.appOfKey(hash, now)
  const settings = app === undefined ? undefined : table.settings(app)
  return (
    settings && { app: settings.app, requestsPerSecond: settings.requestsPerSecond, corsOrigins: settings.corsOrigins }
  )
}

/** Clients take a wrong key or origin for final, and this one may be of an app whose settings are not loaded yet. */
function requireLoaded({ ready, lacksSettings }: Sync): void {
  if (!ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet')
  if (lacksSettings) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded the settings of all apps yet')
}

/**
 * Until the next window or rotation boundary, and never longer than the app's maximum age. What chance had a part in is
 * never kept, nor is what caps had: the same question again has another token.
 */
function cacheControl({ table }: Sync, { caller, answers }: LaneContext, now: number): string {
  const settings = caller.appKey && table.settings(caller.appKey.app)
  if (!settings || !answers || answers.some(({ chance, capToken }) => chance || capToken !== undefined))
    return 'no-store'
  const left = Math.min(...answers.map(({ validUntil }) => validUntil)) - now
  const seconds = Math.max(0, Math.min(settings.maxAgeSeconds, Math.floor(left / 1000)))
  return seconds === 0 ? 'no-store' : `private, max-age=${seconds}`
}
