// The whole platform in one process: store, channel, subgraphs, a distribution node and the gateway. The composition
// root of `npm start`, of `npm run replay` and of the end-to-end tests.

import { readFileSync } from 'node:fs'
import { type TokenSettings, tokenVerifier } from '../common/access/tokens.ts'
import { createLogger } from '../common/base/log.ts'
import { createMetrics } from '../common/base/metrics.ts'
import type { Channel } from '../common/channel/channel.ts'
import type { EventStream } from '../common/channel/event-stream.ts'
import { createInProcessChannel } from '../common/channel/in-process.ts'
import type { Services } from '../common/command/services.ts'
import { buildSubgraph, type Subgraph } from '../common/graphql/subgraph.ts'
import type { HttpServer } from '../common/http/server.ts'
import { readPersistedOperations } from '../common/lane/persisted-operations.ts'
import { channelLog, openRedisChannel, openRedisStream } from '../common/service/connections.ts'
import { type Closer, endInOrder, type Life } from '../common/service/ending.ts'
import { channelCheck, storeCheck } from '../common/service/health.ts'
import { listenAt, listenForWatchers } from '../common/service/process.ts'
import { serviceRoutes, startingUp } from '../common/service/routes.ts'
import { readSecrets } from '../common/service/secrets.ts'
import { hideCredentials, type Settings } from '../common/service/settings.ts'
import { createSetup, type Setup } from '../common/service/setup.ts'
import { deriveSigningKeys } from '../engine/publication/sign.ts'
import { buildGateway } from '../gateway/app.ts'
import { homePage } from '../gateway/home.ts'
import { createSandbox } from '../gateway/sandbox.ts'
import { audit } from '../subgraphs/audit/app.ts'
import { creative } from '../subgraphs/creative/app.ts'
import { startDelivery } from '../subgraphs/delivery/app.ts'
import { buildDistribution, newNodeName } from '../subgraphs/distribution/app.ts'
import { schedule } from '../subgraphs/schedule/app.ts'
import { createStats } from '../subgraphs/stats/app.ts'
import { strategy } from '../subgraphs/strategy/app.ts'
import { openStore } from './open-store.ts'

/** A platform that runs, in one process or in many. */
export type Running = {
  gatewayUrl: string
  distributionUrl: string
  /** Where the metrics are, in words. */
  metrics: string
  /** Where the data is, in words. */
  storage: string
  channel: string
  tokens: TokenSettings
}

export type Platform = Running & {
  metricsUrl: string
  /** Rejects when a part without which nothing works has failed. */
  failed: Promise<never>
  /** Takes no more requests, ends those under way, and closes everything; before that it serves on for `drainMs` (0). */
  stop(drainMs?: number): Promise<void>
}

const root = new URL('../', import.meta.url)

/** Throws SettingsError, with the setting in each line, for what the person who starts it can mend. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const life: Life = { phase: 'starting' }
  const servers: HttpServer[] = []
  const closers: Closer[] = []
  const log = createLogger(settings.logLevel)
  const stop = (drainMs = 0) => endInOrder({ life, servers, closers, drainMs, log })
  try {
    const running = await build(settings, { life, servers, closers })
    life.phase = 'running'
    return { ...running, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Ends = { life: Life; servers: HttpServer[]; closers: Closer[] }

async function build(settings: Settings, { life, servers, closers }: Ends): Promise<Omit<Platform, 'stop'>> {
  const { tokens, signingSecret } = readSecrets(settings)
  const keys = deriveSigningKeys(signingSecret)
  const metrics = createMetrics()
  const logOf = (service: string) => createLogger(settings.logLevel, service)

  async function listenFor(service: string, port: number, role: string) {
    const log = logOf(service)
    const server = startingUp(life)
    const http = await listenAt({ settings, port, role, log, metrics }, server.handle)
    servers.push(http)
    return { url: http.url, become: server.become }
  }
  const { port } = settings
  const gatewayHttp = await listenFor('gateway', port, 'the gateway')
  const distributionHttp = await listenFor('distribution', port === 0 ? 0 : port + 10, 'distribution, PORT + 10')

  const watchers = await listenForWatchers({ settings, log: logOf('metrics'), metrics, life })
  const closing = (name: string, close: Closer['close']) => void closers.push({ name, close })
  closing('metrics', watchers.stop) // the last one to go

  const { store, storage, failed, close } = await openStore(settings, { log: logOf('store'), metrics })
  closing('store', close)
  const setup = createSetup(settings, logOf('alkaid'))
  setup.store(store)
  const { channel, stream, channelName } = await openChannel(settings, setup, closing)

  const servicesOf = (name: string): Services => ({ store, channel, keys, now: Date.now, log: logOf(name), metrics })
  const verify = tokenVerifier(tokens, { log: logOf('tokens') })
  const operations = readPersistedOperations(new URL('schema/persisted-queries.json', root))
  const subgraphs: Subgraph[] = []
  for (const definition of [schedule, creative, strategy, audit]) {
    const subgraph = await buildSubgraph(definition as never, servicesOf(definition.name), verify)
    closing(definition.name, () => subgraph.stop())
    subgraphs.push(subgraph)
  }
  const stats = await createStats(servicesOf('stats'), { stream, operations, verify })
  closing('stats', () => stats.stop())
  // Before the node loads: what the channel lacks would not be there for it.
  const delivery = await startDelivery(servicesOf('delivery'), verify)
  closing('delivery', () => delivery.stop())
  const distribution = await buildDistribution({
    channel,
    keys,
    node: newNodeName(),
    verify,
    operations,
    now: Date.now,
    random: Math.random,
    log: logOf('distribution'),
    metrics,
  })
  closing('distribution', () => distribution.stop())

  const gateway = await buildGateway({
    supergraphSdl: readFileSync(new URL('schema/supergraph.graphql', root), 'utf8'),
    upstreams: [...subgraphs, stats.subgraph, delivery.subgraph, distribution.subgraph],
    lanes: [distribution.lane, stats.lane],
    verify,
    limits: settings.queryLimits,
    production: settings.production,
    corsOrigins: settings.corsOrigins,
    sandbox: createSandbox(settings, tokens),
    log: logOf('gateway'),
    metrics,
  })
  closing('gateway', () => gateway.stop())
  const checks = {
    setup: setup.check,
    store: storeCheck(store),
    channel: channelCheck(channel),
    ...delivery.checks,
    ...stats.checks,
  }
  gatewayHttp.become(
    serviceRoutes({ home: homePage(settings, tokens), graphql: (request) => gateway.handle(request), checks }),
  )
  distributionHttp.become(
    serviceRoutes({ graphql: (request) => distribution.lane.handle(request), checks: distribution.checks }),
  )
  // The names of the node's checks are those of others, too.
  const ofNode = Object.entries(distribution.checks).map(([name, check]) => [`distribution.${name}`, check] as const)
  void setup.tell()
  watchers.started({ ...checks, ...Object.fromEntries(ofNode) })
  return {
    gatewayUrl: gatewayHttp.url,
    distributionUrl: distributionHttp.url,
    metrics: `${watchers.url}/metrics`,
    metricsUrl: watchers.url,
    storage,
    channel: channelName,
    tokens,
    failed,
  }
}

async function openChannel(
  { redisUrl, logLevel }: Settings,
  setup: Setup,
  closing: (name: string, close: Closer['close']) => void,
): Promise<{ channel: Channel; stream: EventStream | undefined; channelName: string }> {
  const log = createLogger(logLevel, 'channel')
  if (!redisUrl) {
    setup.channelInProcess()
    const channel = createInProcessChannel({ log: channelLog(log) })
    closing('channel', () => channel.close())
    return { channel, stream: undefined, channelName: 'in process' }
  }
  const channel = await openRedisChannel(redisUrl, log)
  closing('channel', () => channel.close())
  const stream = await openRedisStream(redisUrl, log, setup.redis({ holdsEvents: true }))
  closing('event stream', () => stream.close())
  return { channel, stream, channelName: `Redis at ${hideCredentials(redisUrl)}` }
}
