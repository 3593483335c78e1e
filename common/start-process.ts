// The frame of a service that runs alone: settings, help, an HTTP server that answers `/livez` from the first moment, and
// an end in order. Every mistake in the settings is told at once, one line each, with exit code 1.

import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { type TokenSettings, type TokenVerifier, tokenVerifier } from './auth.ts'
import { type Need, readSettings, type Settings, SettingsError, urlVariable, type Wanted } from './config.ts'
import { type HttpServer, listen } from './http.ts'
import { createLogger, type Logger } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { readSecrets } from './secrets.ts'
import { answerObserver, type ServiceParts, serviceRoutes, startingUp } from './service-routes.ts'

export type ProcessDefinition = Wanted & {
  name: string
  /** What it is, in one line of its help. */
  about: string
  /** The default of PORT. */
  port: number
  /** Builds the service, and says what it answers. */
  build(frame: Frame): Promise<ProcessParts>
}

/** What it answers; `/metrics` is the frame's own. */
export type ProcessParts = Omit<ServiceParts, 'metrics'>

/** What a service is built with. */
export type Frame = {
  settings: Settings
  tokens: TokenSettings
  signingSecret: string
  verify: TokenVerifier
  log: Logger
  metrics: Metrics
  /** To be called at the end, the last one first, once no request is under way any more. */
  closing(close: () => Promise<void>): void
}

/** How long the end may take, in ms, before the process is ended the hard way. */
const END_MS = 8_000

/** @param env the environment of the process; nobody else reads it. */
export async function startProcess(
  definition: ProcessDefinition,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const closers: (() => Promise<void>)[] = []
  try {
    if (wantsHelp()) return console.log(help(definition))
    const settings = readSettings(env, definition)
    await start(definition, settings, closers)
  } catch (error) {
    console.error(error instanceof SettingsError ? error.message : error)
    await closeAll(closers)
    process.exit(1)
  }
}

async function start(definition: ProcessDefinition, settings: Settings, closers: (() => Promise<void>)[]) {
  const { name } = definition
  const { tokens, signingSecret } = readSecrets(settings)
  const log = createLogger(settings.logLevel, name)
  const metrics = createMetrics()
  const server = startingUp()
  const onAnswer = answerObserver(log, metrics)
  const http = await listenAt({ settings, port: settings.port, role: name, log, onAnswer }, server.handle)
  const stop = async () => {
    await http.stop()
    await closeAll(closers)
  }
  closeWithGrace({ delay: END_MS, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'ending')
    await stop()
  })
  const closing = (close: () => Promise<void>) => void closers.push(close)
  const frame = { settings, tokens, signingSecret, verify: tokenVerifier(tokens), log, metrics, closing }
  const parts = await definition.build(frame)
  server.become(serviceRoutes({ ...parts, metrics }))
  console.log(`${name} listens at ${http.url}`)
}

export type ListenAt = {
  settings: Settings
  port: number
  /** Who wants the port, for the message. */
  role: string
  log: Logger
  onAnswer: Parameters<typeof listen>[0]['onAnswer']
}

/** Throws SettingsError when it cannot listen there. */
export async function listenAt(
  { settings, port, role, log, onAnswer }: ListenAt,
  handle: Parameters<typeof listen>[1],
): Promise<HttpServer> {
  const { host } = settings
  try {
    return await listen({ host, port, log, onAnswer }, handle)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new SettingsError(`PORT: ${port} (${role}) is taken; expected a free port`)
    if (code === 'EACCES') throw new SettingsError(`PORT: ${port} may not be listened on; expected a port above 1023`)
    throw new SettingsError(
      `HOST: cannot listen on ${JSON.stringify(host)}; expected an address of this machine (${message})`,
    )
  }
}

/** The last one first. */
export async function closeAll(closers: (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
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
  ]
  return `Starts the service ${name} alone: ${about}

${lines.map(([variable, meaning]) => `  ${variable.padEnd(16)} ${meaning}`).join('\n')}

HOST, DATA_DIR, JWT_SECRET, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, SIGNING_SECRET, LOG_LEVEL and NODE_ENV are explained in
README.md. \`npm run start:processes\` runs all services so.`
}
