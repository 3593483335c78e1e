// The whole platform in one process: store, channel, all subgraphs of the list (subgraphs/registry.ts) and the gateway. It is the
// composition root of `npm start`, of `npm run replay` and of the end-to-end tests.

import { readFileSync } from 'node:fs'
import { type TokenSettings, tokenVerifier } from '../common/access/tokens.ts'
import { createLogger } from '../common/base/log.ts'
import { createMetrics, type Metrics } from '../common/base/metrics.ts'
import type { Channel } from '../common/channel/channel.ts'
import type { EventStream } from '../common/channel/event-stream.ts'
import { createInProcessChannel } from '../common/channel/in-process.ts'
import type { HttpServer } from '../common/http/server.ts'
import { watchOverload } from '../common/lane/overload.ts'
import { readPersistedOperations } from '../common/lane/persisted-operations.ts'
import { channelLog, openRedisChannel, openRedisStream } from '../common/service/connections.ts'
import { type Checks, channelCheck, storeCheck } from '../common/service/health.ts'
import { listenAt, listenForMonitoring } from '../common/service/process.ts'
import { monitorProcess, serviceRoutes, startupRoutes } from '../common/service/routes.ts'
import { readSecrets } from '../common/service/secrets.ts'
import { hideCredentials, type Settings } from '../common/service/settings.ts'
import { createSetupWarnings, type SetupWarnings } from '../common/service/setup-warnings.ts'
import { type Closer, type Lifecycle, shutDown } from '../common/service/shutdown.ts'
import type { RunningSubgraph, SubgraphEntry, SubgraphResources } from '../common/service/subgraph-process.ts'
import { buildGateway } from '../gateway/app.ts'
import { homePage } from '../gateway/home.ts'
import { localLane } from '../gateway/relay.ts'
import { createSandbox } from '../gateway/sandbox.ts'
import { gateway as gatewayEntry, portBeside, subgraphs } from '../subgraphs/registry.ts'
import { openStore } from './open-store.ts'

/** A platform that runs, in one process or in many. */
export type Running = {
  gatewayUrl: string
  distributionUrl: string
  /** Where the metrics are, as text for the welcome. */
  metrics: string
  /** Where the data is, as text for the welcome. */
  storage: string
  /** Which channel it uses, as text for the welcome. */
  channel: string
  tokens: TokenSettings
}

export type Platform = Running & {
  metricsUrl: string
  /** Rejects when the embedded server has failed. Nothing works without it. */
  failed: Promise<never>
  /** Serves for another `drainMs` (default: 0), then takes no more requests, finishes those under way, and closes everything. */
  stop(drainMs?: number): Promise<void>
}

const root = new URL('../', import.meta.url)

/** Throws SettingsError, one line for each wrong setting, when the person who starts it can correct the cause. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const life: Lifecycle = { phase: 'starting' }
  const servers: HttpServer[] = []
  const closers: Closer[] = []
  const log = createLogger(settings.logLevel)
  const stop = (drainMs = 0) => shutDown({ life, servers, closers, drainMs, log })
  try {
    const running = await build(settings, { life, servers, closers })
    life.phase = 'running'
    return { ...running, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Ends = { life: Lifecycle; servers: HttpServer[]; closers: Closer[] }

/** The steps of a start. What is opened first is closed last. */
async function build(settings: Settings, { life, servers, closers }: Ends): Promise<Omit<Platform, 'stop'>> {
  const { tokens, signingKeys: keys } = readSecrets(settings)
  const metrics = createMetrics()
  const logOf = (service: string) => createLogger(settings.logLevel, service)
  const closing: Closing = (name, close) => void closers.push({ name, close })

  // 1. The ports answer `/livez` from now on, and `/readyz` says that the platform is starting.
  const ports = await openPorts(settings, { life, servers, metrics })
  let allChecks: Checks = {}
  const monitored = monitorProcess(metrics, life, () => allChecks)
  const monitoring = await listenForMonitoring({ settings, log: logOf('metrics'), metrics, monitored })
  closing('metrics', monitoring.stop)

  // 2. The store and the channel.
  const { store, storage, failed, close } = await openStore(settings, { log: logOf('store'), metrics })
  closing('store', close)
  const setup = createSetupWarnings(settings, logOf('alkaid'))
  setup.addStore(store)
  setup.addOneProcess()
  const { channel, eventStream, channelName } = await openChannel(settings, setup, closing)

  // 3. The subgraphs, in the order of the list.
  const verify = tokenVerifier(tokens, { log: logOf('tokens') })
  const operations = readPersistedOperations(new URL('schema/persisted-queries.json', root))
  const { queryLimits } = settings
  const overload = watchOverload(settings.overload, metrics)
  closing('overload', overload.stop)
  const given = { keys, verify, operations, queryLimits, overload, now: Date.now, random: Math.random, metrics }
  const { maxStreamEvents } = settings
  const shared = { store, channel, eventStream, maxStreamEvents, ...given }
  const running = new Map<SubgraphEntry, RunningSubgraph>()
  for (const entry of subgraphs) {
    const started = await startFromList(entry, { ...shared, log: logOf(entry.name) })
    closing(entry.name, started.stop)
    running.set(entry, started)
  }

  // 4. The gateway. It calls the subgraphs as functions.
  const all = [...running.values()]
  const gateway = await buildGateway({
    supergraphSdl: readFileSync(new URL('schema/supergraph.graphql', root), 'utf8'),
    upstreams: all.map(({ subgraph }) => subgraph),
    maxUpstreamRequests: settings.maxUpstreamRequests,
    lanes: all.flatMap(({ subgraph, lane }) => (lane ? [localLane(subgraph.name, lane)] : [])),
    verify,
    limits: settings.queryLimits,
    production: settings.production,
    corsOrigins: settings.corsOrigins,
    sandbox: createSandbox(settings, tokens),
    log: logOf('gateway'),
    metrics,
  })
  closing('gateway', () => gateway.stop())

  // 5. The ports take requests.
  const checks: Checks = {
    ...gateway.checks,
    setup: setup.check,
    store: storeCheck(store),
    channel: channelCheck(channel),
  }
  const checksOfPorts: Checks = {}
  for (const [{ name, hasOwnPort }, { lane, checks: own = {} }] of running) {
    if (!hasOwnPort) Object.assign(checks, own)
    else {
      ports.of(name).become(serviceRoutes({ lane: lane && ((request) => lane.handle(request)), checks: own }))
      // Prefixed, because the names of its checks are also names of others: `distribution.channel` beside `channel`.
      for (const [check, run] of Object.entries(own)) checksOfPorts[`${name}.${check}`] = run
    }
  }
  const home = homePage(settings, tokens)
  ports.of(gatewayEntry.name).become(serviceRoutes({ home, graphql: (request) => gateway.handle(request), checks }))
  void setup.logNew()
  allChecks = { ...checks, ...checksOfPorts }
  return {
    gatewayUrl: ports.of(gatewayEntry.name).url,
    distributionUrl: ports.of('distribution').url,
    metrics: `${monitoring.url}/metrics`,
    metricsUrl: monitoring.url,
    storage,
    channel: channelName,
    tokens,
    failed,
  }
}

type Closing = (name: string, close: Closer['close']) => void

type Port = { url: string; become: ReturnType<typeof startupRoutes>['become'] }

/** Listens for the gateway, and for each subgraph that has a port of its own: distribution at PORT + 10. */
async function openPorts(
  settings: Settings,
  { life, servers, metrics }: Pick<Ends, 'life' | 'servers'> & { metrics: Metrics },
): Promise<{ of(service: string): Port }> {
  const ports = new Map<string, Port>()
  for (const service of [gatewayEntry, ...subgraphs.filter(({ hasOwnPort }) => hasOwnPort)]) {
    const { name } = service
    const distance = service.port - gatewayEntry.port
    const role = distance === 0 ? 'the gateway' : `${name}, PORT + ${distance}`
    const port = portBeside(settings.port, service)
    const server = startupRoutes(life)
    const log = createLogger(settings.logLevel, name)
    const http = await listenAt({ settings, port, role, log, metrics }, server.handle)
    servers.push(http)
    ports.set(name, { url: http.url, become: server.become })
  }
  return { of: (service) => ports.get(service)! }
}

async function startFromList(entry: SubgraphEntry, resources: Omit<SubgraphResources, 'laneFields'>) {
  const { startSubgraph } = await entry.load()
  return startSubgraph({ ...resources, laneFields: entry.laneFields ?? [] })
}

async function openChannel(
  { redisUrl, logLevel }: Settings,
  setup: SetupWarnings,
  closing: Closing,
): Promise<{ channel: Channel; eventStream: EventStream | undefined; channelName: string }> {
  const log = createLogger(logLevel, 'channel')
  if (!redisUrl) {
    setup.addChannelInProcess()
    const channel = createInProcessChannel({ log: channelLog(log) })
    closing('channel', () => channel.close())
    return { channel, eventStream: undefined, channelName: 'in process' }
  }
  const channel = await openRedisChannel(redisUrl, log)
  closing('channel', () => channel.close())
  const eventStream = await openRedisStream(redisUrl, log, setup.addRedis({ holdsEvents: true }))
  closing('event stream', () => eventStream.close())
  return { channel, eventStream, channelName: `Redis at ${hideCredentials(redisUrl)}` }
}
