// Runs every service of subgraphs/registry.ts as a process of its own, with a Redis and the embedded server if needed. It ends them in
// order: the gateway, the services, then Redis and the embedded server. When this process is killed, they end by themselves.

import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readBounded } from '../../common/base/read-bounded.ts'
import { readSecrets, readServiceSecrets } from '../../common/service/secrets.ts'
import { hideCredentials, type Settings, SettingsError, urlVariable } from '../../common/service/settings.ts'
import { SHUTDOWN_MS } from '../../common/service/shutdown.ts'
import type { Running } from '../../platform/app.ts'
import { gateway, portBeside, subgraphs } from '../../subgraphs/registry.ts'
import { type Child, startChild } from './child.ts'
import { startRedis } from './redis.ts'

export type LaunchOptions = {
  settings: Settings
  /** The environment of the children, before the settings are added. */
  env: NodeJS.ProcessEnv
  print: (line: string) => void
  signal: AbortSignal
}

export type Processes = Running & { stop(): Promise<void> }

type Service = {
  name: string
  script: string
  port: number
  url: string
  metricsPort: number
  /** Whether apps ask it directly, and not only the gateway. */
  forApps: boolean
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const READY_MS = 60_000
const EMBEDDED_MS = 20_000
/** How long Redis and the embedded server may take to end. */
const BENEATH_END_MS = 10_000
/** Limit for an answer of `/readyz`, in bytes: another program may have the port. */
const MAX_READINESS = 64 * 1024

/** How long one service may take to end, in ms. */
const serviceEndMs = ({ drainMs }: Settings) => drainMs + SHUTDOWN_MS

/** How long all of them may take to end, in ms: the gateway, the services, then Redis and the embedded server. */
export function endsWithinMs(settings: Settings): number {
  return 2 * serviceEndMs(settings) + 3 * BENEATH_END_MS
}

/** Resolves when every service is ready. Throws SettingsError, with nothing left running. */
export async function launch(options: LaunchOptions): Promise<Processes> {
  const { settings, print } = options
  const services = servicesOf(settings)
  const { tokens } = readSecrets(settings)
  readServiceSecrets(settings) // makes the secret before the services read it
  await requireFree(settings, services)

  const beneath: Child[] = []
  const running: Child[] = []
  let isStopping = false
  const stop = async () => {
    isStopping = true
    const gateway = running.filter(({ name }) => name === 'gateway')
    await Promise.all(gateway.map((child) => child.end()))
    await Promise.all(running.map((child) => child.end()))
    for (const child of beneath.reverse()) await child.end()
  }
  const watch = async (child: Child) => {
    const { code, signal } = await child.ended
    if (isStopping) return
    const how = signal ? `by ${signal}` : `with exit code ${code}`
    print(`${child.name} has ended ${how}; the others go on`)
  }

  try {
    const mongodbUri = settings.mongodbUri ?? (await startEmbedded(options, beneath))
    const started = (child: Child) => void beneath.push(child)
    const redisUrl =
      settings.redisUrl ??
      (await startRedis({ cwd: root, print, endMs: BENEATH_END_MS, dataDir: settings.dataDir, started }))
    const env = { ...options.env, DATA_DIR: resolve(settings.dataDir), HOST: settings.host, ...urlsOf(services) }
    for (const { name, script, port, metricsPort, forApps } of services) {
      running.push(
        startChild({
          name,
          program: process.execPath,
          args: [script],
          env: {
            ...env,
            PORT: `${port}`,
            METRICS_HOST: settings.metricsHost,
            METRICS_PORT: `${metricsPort}`,
            DISTRIBUTION_WORKERS: `${settings.distributionWorkers}`,
            MONGODB_URI: mongodbUri,
            REDIS_URL: redisUrl,
            // Only the gateway asks the other services, and it ends before them.
            DRAIN_SECONDS: `${forApps ? settings.drainMs / 1000 : 0}`,
          },
          cwd: root,
          print,
          endMs: serviceEndMs(settings),
        }),
      )
    }
    await untilReady(services, running, options)
    for (const child of [...beneath, ...running]) void watch(child)
    const urlOf = (wanted: string) => services.find(({ name }) => name === wanted)!.url
    const { metricsHost, metricsPort } = settings
    return {
      gatewayUrl: urlOf('gateway'),
      distributionUrl: urlOf('distribution'),
      metrics:
        metricsPort === 0
          ? 'each service prints its own address above'
          : `http://${reachable(metricsHost)}:${metricsPort}/metrics (gateway); the others: their port + ${metricsPort - settings.port}`,
      storage: settings.mongodbUri
        ? `MongoDB at ${hideCredentials(mongodbUri)}`
        : `${resolve(settings.dataDir)} (the embedded server, for trying out and development)`,
      channel: `Redis at ${hideCredentials(redisUrl)}`,
      tokens,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function servicesOf({ host, port: base, metricsPort }: Settings): Service[] {
  if (base === 0)
    throw new SettingsError('PORT: expected a number above 0, from which the ports of the services follow')
  const listed = subgraphs.map(({ name, port, laneFields }) => ({
    name,
    script: `subgraphs/${name}/index.ts`,
    port: portBeside(base, { port }),
    forApps: laneFields !== undefined,
  }))
  const ofGateway = { name: gateway.name, script: 'gateway/index.ts', port: base, forApps: true }
  return [...listed, ofGateway].map((service) => ({
    ...service,
    url: `http://${reachable(host)}:${service.port}`,
    metricsPort: metricsPort === 0 ? 0 : metricsPort + (service.port - base),
  }))
}

/** The host for a URL to a server on this machine that listens on this address: 0.0.0.0 -> 127.0.0.1. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function urlsOf(services: readonly Service[]): Record<string, string> {
  return Object.fromEntries(services.map(({ name, url }) => [urlVariable(name), url]))
}

/** Checks all ports before anything is started. Throws one line for each port that is in use or needed twice. */
async function requireFree({ host, metricsHost }: Settings, services: readonly Service[]): Promise<void> {
  const mistakes: string[] = []
  const ports = new Set(services.map(({ port }) => port))
  for (const { name, port, metricsPort } of services) {
    const error = await tryListening(host, port)
    if (error) mistakes.push(`PORT: ${port} (${name}) cannot be listened on, ${error}; expected ports that are free`)
    const metricsError = ports.has(metricsPort)
      ? 'it is one of the services themselves'
      : await tryListening(metricsHost, metricsPort)
    if (metricsError) {
      mistakes.push(
        `METRICS_PORT: ${metricsPort} (${name}) cannot be listened on, ${metricsError}; expected ports that are free`,
      )
    }
  }
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'))
}

function tryListening(host: string, port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', (error) => done(error.message))
    server.listen(port, host, () => server.close(() => done(undefined)))
  })
}

/** Resolves to the URI of the embedded server. */
async function startEmbedded({ settings, env, print }: LaunchOptions, beneath: Child[]): Promise<string> {
  const args = ['embedded/index.ts', '--data-dir', resolve(settings.dataDir)]
  const child = startChild({
    name: 'embedded',
    program: process.execPath,
    args,
    env,
    cwd: root,
    print,
    endMs: BENEATH_END_MS,
  })
  beneath.push(child)
  const late = sleep(EMBEDDED_MS, undefined, { ref: false })
  const first = await Promise.race([child.firstLine, child.ended, late])
  if (typeof first === 'string') return first
  throw new SettingsError(`DATA_DIR: the embedded server did not start on ${resolve(settings.dataDir)}`)
}

/** Throws when a service ends, or is not ready within a minute. */
async function untilReady(services: readonly Service[], children: readonly Child[], { print, signal }: LaunchOptions) {
  const until = Date.now() + READY_MS
  let ready = 0
  const waitFor = async ({ name, url }: Service, index: number) => {
    const child = children[index]!
    let reason = 'no answer'
    while (Date.now() < until) {
      signal.throwIfAborted()
      if (child.hasEnded()) throw new SettingsError(`${name} has ended before it was ready`)
      const answer = await askReady(url)
      if (answer === true) {
        ready += 1
        return print(`${name} is ready, process ${child.pid} (${ready} of ${services.length})`)
      }
      reason = answer
      await sleep(100)
    }
    throw new SettingsError(`${name} was not ready within ${READY_MS / 1000} s: ${reason}`)
  }
  await Promise.all(services.map(waitFor))
}

/** True, or the reason why it is not ready. */
async function askReady(url: string): Promise<true | string> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) })
    const text = await readBounded(response.body, MAX_READINESS)
    return response.ok || text
  } catch (error) {
    return (error as Error).message // it does not listen yet
  }
}
