// The frame of a service that runs alone: settings, help, an HTTP server that answers `/livez` from the first moment, and
// an end in order. Every mistake in the settings is told at once, one line each, with exit code 1.

import { parseArgs } from 'node:util'
import { type TokenSettings, type TokenVerifier, tokenVerifier } from '../access/tokens.ts'
import { createLogger, type Logger } from '../base/log.ts'
import { createMetrics, type Metrics } from '../base/metrics.ts'
import { type Handler, type HttpServer, type ListenOptions, listen } from '../http/server.ts'
import { type Closer, closeAll, END_MS, endInOrder, isSignal, type Life, whenEnding } from './ending.ts'
import type { Checks } from './health.ts'
import { observeHttp, type ServiceParts, serviceRoutes, startingUp, watchRoutes } from './routes.ts'
import { readSecrets } from './secrets.ts'
import { type Need, readSettings, type Settings, SettingsError, urlVariable, type Wanted } from './settings.ts'
import { createSetup, type Setup } from './setup.ts'

export type ProcessDefinition = Wanted & {
  name: string
  /** What it is, in one line of its help. */
  about: string
  /** The default of PORT. */
  port: number
  /** Builds the service, and says what it answers. */
  build(frame: Frame): Promise<ProcessParts>
}

/** What it answers. */
export type ProcessParts = ServiceParts

/** What a service is built with. */
export type Frame = {
  settings: Settings
  tokens: TokenSettings
  signingSecret: string
  verify: TokenVerifier
  log: Logger
  metrics: Metrics
  /** Is told what the service runs on, and warns of it. */
  setup: Setup
  /** To be called at the end, the last one first, once no request is under way any more. The name is for the log. */
  closing(name: string, close: Closer['close']): void
}

/** @param env the environment of the process; nobody else reads it. */
export async function startProcess(
  definition: ProcessDefinition,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const closers: Closer[] = []
  const life: Life = { phase: 'starting' }
  try {
    if (wantsHelp()) return console.log(help(definition))
    const settings = readSettings(env, definition)
    await start(definition, settings, life, closers)
  } catch (error) {
    if (life.phase === 'ending') return // it was told to end while it started, and does
    console.error(error instanceof SettingsError ? error.message : error)
    await closeAll(closers)
    process.exit(1)
  }
}

async function start(definition: ProcessDefinition, settings: Settings, life: Life, closers: Closer[]) {
  const { name } = definition
  const { tokens, signingSecret } = readSecrets(settings)
  const log = createLogger(settings.logLevel, name)
  const metrics = createMetrics()
  const server = startingUp(life)
  const http = await listenAt({ settings, port: settings.port, role: name, log, metrics }, server.handle)
  const watchers = await listenForWatchers({ settings, log, metrics, life })
  closers.push({ name: 'metrics', close: watchers.stop }) // the last one to go
  const { drainMs } = settings
  whenEnding({
    log,
    withinMs: drainMs + END_MS,
    // Nobody waits for one that has failed, or whose parent is gone.
    end: (cause) => endInOrder({ life, servers: [http], closers, drainMs: isSignal(cause) ? drainMs : 0, log }),
  })
  const closing: Frame['closing'] = (part, close) => void closers.push({ name: part, close })
  const setup = createSetup(settings, log)
  const verify = tokenVerifier(tokens, { log })
  const parts = await definition.build({ settings, tokens, signingSecret, verify, log, metrics, setup, closing })
  const checks = { setup: setup.check, ...parts.checks }
  server.become(serviceRoutes({ ...parts, checks }))
  watchers.started(checks)
  void setup.tell()
  if (life.phase === 'starting') life.phase = 'running'
  console.log(`${name} listens at ${http.url} (metrics: ${watchers.url}/metrics)`)
}

export type ListenAt = {
  settings: Settings
  port: number
  /** Who wants the port, for the message. */
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

/** Connections at once on the port of the metrics. */
const WATCHERS = 100

/** The port of whoever watches over the process. Throws SettingsError. */
export async function listenForWatchers(options: {
  settings: Settings
  log: Logger
  metrics: Metrics
  life: Life
}): Promise<{ url: string; started(checks: Checks): void; stop(): Promise<void> }> {
  const { settings, log, metrics, life } = options
  let checks: Checks = {}
  const http = await listenOrExplain(
    {
      host: settings.metricsHost,
      port: settings.metricsPort,
      role: 'metrics',
      log,
      limits: { connections: WATCHERS },
      ...observeHttp(log, metrics),
      names: { host: 'METRICS_HOST', port: 'METRICS_PORT' },
    },
    watchRoutes(metrics, life, () => checks),
  )
  const started = (all: Checks) => {
    checks = all
  }
  return { url: http.url, started, stop: http.stop }
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
      throw new SettingsError(`${names.port}: ${port} (${role}) is taken; expected a free port`)
    if (code === 'EACCES') {
      throw new SettingsError(`${names.port}: ${port} may not be listened on; expected a port above 1023`)
    }
    throw new SettingsError(
      `${names.host}: cannot listen on ${JSON.stringify(host)}; expected an address of this machine (${message})`,
    )
  }
}

function wantsHelp(): boolean {
  try {
    return parseArgs({ options: { help: { type: 'boolean' } } }).values.help === true
  } catch (error) {
    throw new SettingsError(`${(error as Error).message} (\`--help\` says what there is)`)
  }
}

function help({ name, about, port, needs = [], upstreams = [] }: ProcessDefinition): string {
  const explained: Record<Need, string> = {
    MONGODB_URI: 'a MongoDB replica set or sharded cluster (`npm run embedded` prints the URI of one to try out)',
    REDIS_URL: 'a Redis',
    SERVICE_SECRET: 'at least 32 characters, the same for all services (default: made once, in DATA_DIR)',
  }
  const lines = [
    ...needs.map((need) => [need, explained[need]] as const),
    ...upstreams.map(
      (to) => [urlVariable(to.name), `where ${to.name} is (default: http://127.0.0.1:${to.port})`] as const,
    ),
    ['PORT', `where it listens (default: ${port})`] as const,
    ['METRICS_PORT', 'where it tells of itself: /metrics, /livez, /readyz (default: PORT + 100)'] as const,
  ]
  return `Starts the service ${name} alone: ${about}

${lines.map(([variable, meaning]) => `  ${variable.padEnd(16)} ${meaning}`).join('\n')}

HOST, MAX_CONNECTIONS, METRICS_HOST, DATA_DIR, JWT_SECRET, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, SIGNING_SECRET,
DRAIN_SECONDS, LOG_LEVEL and NODE_ENV are explained in README.md. \`npm run start:processes\` runs all services so.`
}
