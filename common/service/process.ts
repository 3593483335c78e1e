// A service as a process of its own: it reads the settings, prints its help, listens, builds the service, and shuts down in order.
// `/livez` answers from the first moment. All wrong settings are reported together, one line each, with exit code 1.

import { parseArgs } from 'node:util'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import { type TokenSettings, type TokenVerifier, tokenVerifier } from '../access/tokens.ts'
import { createLogger, type Logger } from '../base/log.ts'
import { createMetrics, type Metrics } from '../base/metrics.ts'
import { type Handler, type HttpServer, type ListenOptions, listen, urlOf } from '../http/server.ts'
import { createCluster } from './cluster.ts'
import { isWorker, obeyPrimary } from './cluster-worker.ts'
import type { Checks } from './health.ts'
import {
  type Monitored,
  monitoringRoutes,
  monitorProcess,
  observeHttp,
  phaseOf,
  type ServiceParts,
  serviceRoutes,
  startupRoutes,
} from './routes.ts'
import { readSecrets } from './secrets.ts'
import {
  type RequiredSetting,
  readSettings,
  type Settings,
  SettingsError,
  type SettingsOptions,
  urlVariable,
} from './settings.ts'
import { createSetupWarnings, type SetupWarnings } from './setup-warnings.ts'
import { type Closer, closeAll, installShutdown, isSignal, type Lifecycle, SHUTDOWN_MS, shutDown } from './shutdown.ts'

export type ProcessDefinition = SettingsOptions & {
  name: string
  /** What it owns or does, in one line, for its help. */
  about: string
  /** The default of PORT. */
  port: number
  /** Whether `--workers` and DISTRIBUTION_WORKERS run several of it behind one port. */
  canHaveWorkers?: boolean | undefined
  build(context: ProcessContext): Promise<ServiceParts>
}

/** What `build` gets. */
export type ProcessContext = {
  settings: Settings
  tokens: TokenSettings
  signingKeys: SigningKeys
  verify: TokenVerifier
  log: Logger
  metrics: Metrics
  setup: SetupWarnings
  /** Registers something to close at shutdown, after the last request. What is registered last is closed first. The name is for the log. */
  closing(name: string, close: Closer['close']): void
}

/** @param env the environment of the process. Nothing else reads it. */
export async function startProcess(
  definition: ProcessDefinition,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const closers: Closer[] = []
  const life: Lifecycle = { phase: 'starting' }
  try {
    const given = readArguments(definition)
    if (given.help) return console.log(help(definition))
    const settings = readSettings({ ...env, ...(given.workers && { DISTRIBUTION_WORKERS: given.workers }) }, definition)
    const workers = definition.canHaveWorkers ? settings.distributionWorkers : 1
    if (workers > 1 && !isWorker()) await startPrimary(definition, settings, workers, life, closers)
    else await start(definition, settings, life, closers)
  } catch (error) {
    if (life.phase === 'ending') return // a shutdown began during the start, and caused this error
    if (!(error instanceof WorkerFailed)) console.error(error instanceof SettingsError ? error.message : error)
    await closeAll(closers)
    process.exit(1)
  }
}

async function start(definition: ProcessDefinition, settings: Settings, life: Lifecycle, closers: Closer[]) {
  const { name } = definition
  const { tokens, signingKeys } = readSecrets(settings)
  const log = createLogger(settings.logLevel, name)
  const metrics = createMetrics()
  const server = startupRoutes(life)
  const servers: HttpServer[] = []
  const listen = async () => {
    const http = await listenAt({ settings, port: settings.port, role: name, log, metrics }, server.handle)
    servers.push(http)
    return http
  }
  let checks: Checks = {}
  const monitored = monitorProcess(metrics, life, () => checks)
  let address: string | undefined
  if (isWorker()) listenWithCluster(listen, monitored, metrics)
  else {
    const http = await listen()
    const monitoring = await listenForMonitoring({ settings, log, metrics, monitored })
    closers.push({ name: 'metrics', close: monitoring.stop }) // the last one to close
    address = `${name} listens at ${http.url} (metrics: ${monitoring.url}/metrics)`
  }
  const { drainMs } = settings
  installShutdown({
    log,
    withinMs: drainMs + SHUTDOWN_MS,
    // Only a signal comes from a load balancer that still sends requests for a while. After an error nobody waits.
    end: (cause) => shutDown({ life, servers, closers, drainMs: isSignal(cause) ? drainMs : 0, log }),
  })
  const closing: ProcessContext['closing'] = (part, close) => void closers.push({ name: part, close })
  const setup = createSetupWarnings(settings, log)
  const verify = tokenVerifier(tokens, { log })
  const parts = await definition.build({ settings, tokens, signingKeys, verify, log, metrics, setup, closing })
  checks = { setup: setup.check, ...parts.checks }
  server.become(serviceRoutes({ ...parts, checks }))
  void setup.logNew()
  if (life.phase === 'starting') life.phase = 'running'
  if (address) console.log(address)
}

/** The primary decides when a worker listens, and has the port of the metrics. */
function listenWithCluster(listen: () => Promise<unknown>, { readiness }: Monitored, metrics: Metrics): void {
  obeyPrimary({
    metrics,
    readiness,
    listen: async () => void (await listen()),
    onFailure(error) {
      console.error(error instanceof SettingsError ? error.message : error)
      process.exit(1)
    },
  })
}

/** The first worker has ended before it listened. It has printed why. */
class WorkerFailed extends Error {}

/** Runs `workers` processes of the service. This process has no part of the service itself. */
async function startPrimary(
  { name }: ProcessDefinition,
  settings: Settings,
  workers: number,
  life: Lifecycle,
  closers: Closer[],
): Promise<void> {
  readSecrets(settings) // so that workers that start together do not make them at the same time
  const log = createLogger(settings.logLevel, name)
  const cluster = createCluster({ name, workers, life, log })
  const monitored: Monitored = {
    readiness: async () => (life.phase === 'ending' ? phaseOf(life) : cluster.readiness()),
    metrics: cluster.metrics,
  }
  const { drainMs } = settings
  installShutdown({
    log,
    withinMs: drainMs + SHUTDOWN_MS + SHUTDOWN_MS,
    async end() {
      life.phase = 'ending'
      await cluster.stop()
      await closeAll(closers, log)
    },
  })
  const monitoring = await listenForMonitoring({ settings, log, metrics: createMetrics(), monitored })
  closers.push({ name: 'metrics', close: monitoring.stop })
  closers.push({ name: 'workers', close: cluster.stop })
  const { port } = await cluster.start().catch((error: Error) => {
    throw new WorkerFailed(error.message)
  })
  if (life.phase === 'starting') life.phase = 'running'
  const url = urlOf(settings.host, port)
  console.log(`${name} listens at ${url} with ${workers} workers (metrics: ${monitoring.url}/metrics)`)
}

export type ListenAt = {
  settings: Settings
  port: number
  /** Which service wants the port, for the error message. */
  role: string
  log: Logger
  metrics: Metrics
}

/** Throws SettingsError when it cannot listen there. */
export async function listenAt(options: ListenAt, handle: Handler): Promise<HttpServer> {
  const { settings, port, role, log, metrics } = options
  const { host, maxConnections } = settings
  const limits = { connections: maxConnections }
  const names = { host: 'HOST', port: 'PORT' }
  return listenOrExplain({ host, port, log, limits, ...observeHttp(log, metrics), role, names }, handle)
}

/** The most connections at once on the port of the metrics. */
const MAX_MONITORING_CONNECTIONS = 100

/** Listens on METRICS_PORT: `/metrics`, `/livez` and `/readyz`. Throws SettingsError when it cannot. */
export async function listenForMonitoring(options: {
  settings: Settings
  log: Logger
  metrics: Metrics
  monitored: Monitored
}): Promise<{ url: string; stop(): Promise<void> }> {
  const { settings, log, metrics, monitored } = options
  const http = await listenOrExplain(
    {
      host: settings.metricsHost,
      port: settings.metricsPort,
      role: 'metrics',
      log,
      limits: { connections: MAX_MONITORING_CONNECTIONS },
      ...observeHttp(log, metrics),
      names: { host: 'METRICS_HOST', port: 'METRICS_PORT' },
    },
    monitoringRoutes(monitored),
  )
  return { url: http.url, stop: http.stop }
}

async function listenOrExplain(
  options: ListenOptions & { role: string; names: { host: string; port: string } },
  handle: Handler,
): Promise<HttpServer> {
  const { host, port, role, names } = options
  try {
    return await listen(options, handle)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new SettingsError(`${names.port}: the port ${port} (${role}) is already in use; expected a free port`)
    if (code === 'EACCES') {
      throw new SettingsError(`${names.port}: this user may not listen on the port ${port}; expected a port above 1023`)
    }
    throw new SettingsError(
      `${names.host}: cannot listen on ${JSON.stringify(host)}; expected an address of this machine (${message})`,
    )
  }
}

function readArguments({ canHaveWorkers }: ProcessDefinition): {
  help: boolean | undefined
  workers: string | undefined
} {
  try {
    const { help, workers } = parseArgs({ options: { help: { type: 'boolean' }, workers: { type: 'string' } } }).values
    if (workers !== undefined && !canHaveWorkers) throw new Error('--workers: only distribution can have them')
    if (workers === '') throw new Error('--workers: expected a value')
    return { help, workers }
  } catch (error) {
    throw new SettingsError(`${(error as Error).message} (\`--help\` lists the options)`)
  }
}

const WORKERS_HELP =
  'how many processes of it run behind the port; auto: one for each core (default: DISTRIBUTION_WORKERS, or 1)'

function help({ name, about, port, canHaveWorkers, needs = [], upstreams = [] }: ProcessDefinition): string {
  const explained: Record<RequiredSetting, string> = {
    MONGODB_URI: 'the URI of a MongoDB replica set or sharded cluster (to try it: `npm run embedded` prints one)',
    REDIS_URL: 'the URL of a Redis',
    SERVICE_SECRET:
      'at least 32 characters, the same for all services (default: one that is made at the first start, in DATA_DIR)',
  }
  const lines = [
    ...needs.map((need) => [need, explained[need]] as const),
    ...upstreams.map(
      (to) => [urlVariable(to.name), `the URL of ${to.name}, or URLs (default: http://127.0.0.1:${to.port})`] as const,
    ),
    ['PORT', `the port on which it listens (default: ${port})`] as const,
    ['METRICS_PORT', 'the port of /metrics, /livez and /readyz (default: PORT + 100)'] as const,
    ...(canHaveWorkers ? [['--workers N', WORKERS_HELP] as const] : []),
  ]
  return `Starts the service ${name} as a process of its own.
${name}: ${about}

${lines.map(([variable, meaning]) => `  ${variable.padEnd(16)} ${meaning}`).join('\n')}

HOST, MAX_CONNECTIONS, MAX_EVENT_LOOP_DELAY_MS, MAX_REQUESTS_IN_FLIGHT, METRICS_HOST, DATA_DIR, JWT_SECRET, JWKS_URL, JWT_ISSUER,
JWT_AUDIENCE, SIGNING_SECRET, DRAIN_SECONDS, LOG_LEVEL and NODE_ENV are explained in README.md. \`npm run start:processes\` runs all services like this.`
}
