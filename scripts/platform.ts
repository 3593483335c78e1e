// The whole platform in one process: store, channel, subgraphs, a distribution node and the gateway. The composition
// root of `npm start`, of `npm run replay` and of the end-to-end tests.

import { readFileSync } from 'node:fs'
import { tokenVerifier } from '../common/auth.ts'
import type { Channel } from '../common/channel/channel.ts'
import type { EventStream } from '../common/channel/event-stream.ts'
import { createInProcessChannel } from '../common/channel/in-process.ts'
import { hideCredentials, type Settings } from '../common/config.ts'
import { buildSubgraph, type Subgraph } from '../common/graphql/subgraph.ts'
import { readPersistedOperations } from '../common/lane/persisted-operations.ts'
import { createLogger } from '../common/log.ts'
import { createMetrics } from '../common/metrics.ts'
import { channelLog, openRedisChannel, openRedisStream } from '../common/open-services.ts'
import { deriveSigningKeys } from '../common/publication/sign.ts'
import { channelCheck, storeCheck } from '../common/readiness.ts'
import { readSecrets } from '../common/secrets.ts'
import { answerObserver, serviceRoutes, startingUp } from '../common/service-routes.ts'
import type { Services } from '../common/services.ts'
import { closeAll, listenAt, listenForWatchers } from '../common/start-process.ts'
import { buildGateway } from '../gateway/app.ts'
import { createSandbox } from '../gateway/sandbox.ts'
import { audit } from '../subgraphs/audit/app.ts'
import { creative } from '../subgraphs/creative/app.ts'
import { startDelivery } from '../subgraphs/delivery/run.ts'
import { buildDistribution, newNodeName } from '../subgraphs/distribution/app.ts'
import { schedule } from '../subgraphs/schedule/app.ts'
import { createStats } from '../subgraphs/stats/app.ts'
import { strategy } from '../subgraphs/strategy/app.ts'
import { openStore } from './open-store.ts'
import type { Running } from './prepare.ts'

export type Platform = Running & {
  metricsUrl: string
  /** Rejects when a part without which nothing works has failed. */
  failed: Promise<never>
  stop(): Promise<void>
}

const root = new URL('../', import.meta.url)

type Closers = (() => Promise<void>)[]

/** Throws SettingsError, with the setting in each line, for what the person who starts it can mend. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const servers: Closers = []
  const parts: Closers = []
  const stop = async () => {
    await closeAll(servers) // first, for what is under way needs the parts
    await closeAll(parts)
  }
  try {
    return { ...(await build(settings, servers, parts)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(settings: Settings, servers: Closers, parts: Closers): Promise<Omit<Platform, 'stop'>> {
  const { tokens, signingSecret } = readSecrets(settings)
  const keys = deriveSigningKeys(signingSecret)
  const metrics = createMetrics()
  const logOf = (service: string) => createLogger(settings.logLevel, service)

  async function listenFor(service: string, port: number, role: string) {
    const log = logOf(service)
    const server = startingUp()
    const onAnswer = answerObserver(log, metrics)
    const http = await listenAt({ settings, port, role, log, onAnswer }, server.handle)
    servers.push(http.stop)
    return { url: http.url, become: server.become }
  }
  const { port } = settings
  const gatewayHttp = await listenFor('gateway', port, 'the gateway')
  const distributionHttp = await listenFor('distribution', port === 0 ? 0 : port + 10, 'distribution, PORT + 10')

  const watchers = await listenForWatchers({ settings, log: logOf('metrics'), metrics })
  servers.unshift(watchers.stop) // the last one to end

  const { store, storage, failed, close } = await openStore(settings, { log: logOf('store'), metrics })
  parts.push(close)
  const { channel, stream, channelName } = await openChannel(settings, parts)

  const servicesOf = (name: string): Services => ({ store, channel, keys, now: Date.now, log: logOf(name), metrics })
  const verify = tokenVerifier(tokens, { log: logOf('tokens') })
  const operations = readPersistedOperations(new URL('schema/persisted-queries.json', root))
  const subgraphs: Subgraph[] = []
  for (const definition of [schedule, creative, strategy, audit]) {
    const subgraph = await buildSubgraph(definition as never, servicesOf(definition.name), verify)
    parts.push(() => subgraph.stop())
    subgraphs.push(subgraph)
  }
  const stats = await createStats(servicesOf('stats'), { stream, operations, verify })
  parts.push(() => stats.stop())
  // Before the node loads: what the channel lacks would not be there for it.
  const delivery = await startDelivery(servicesOf('delivery'), verify)
  parts.push(() => delivery.stop())
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
  parts.push(() => distribution.stop())

  const gateway = await buildGateway({
    supergraphSdl: readFileSync(new URL('schema/supergraph.graphql', root), 'utf8'),
    upstreams: [...subgraphs, stats.subgraph, delivery.subgraph, distribution.subgraph],
    lanes: [distribution.lane, stats.lane],
    verify,
    production: settings.production,
    corsOrigins: settings.corsOrigins,
    sandbox: createSandbox(settings, tokens),
    log: logOf('gateway'),
    metrics,
  })
  parts.push(() => gateway.stop())
  const checks = { store: storeCheck(store), channel: channelCheck(channel), ...delivery.checks, ...stats.checks }
  gatewayHttp.become(serviceRoutes({ graphql: (request) => gateway.handle(request), checks }))
  distributionHttp.become(
    serviceRoutes({ graphql: (request) => distribution.lane.handle(request), checks: distribution.checks }),
  )
  // The names of the node's checks are those of others, too.
  const ofNode = Object.entries(distribution.checks).map(([name, check]) => [`distribution.${name}`, check] as const)
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
  parts: Closers,
): Promise<{ channel: Channel; stream: EventStream | undefined; channelName: string }> {
  const log = createLogger(logLevel, 'channel')
  if (!redisUrl) {
    const channel = createInProcessChannel({ log: channelLog(log) })
    parts.push(() => channel.close())
    return { channel, stream: undefined, channelName: 'in process' }
  }
  const channel = await openRedisChannel(redisUrl, log)
  parts.push(() => channel.close())
  const stream = await openRedisStream(redisUrl, log)
  parts.push(() => stream.close())
  return { channel, stream, channelName: `Redis at ${hideCredentials(redisUrl)}` }
}
