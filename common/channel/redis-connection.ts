// A connection to Redis: to one server, to the primary that Sentinels name, or to a Cluster (redis-cluster-connection.ts). Every call
// settles within two seconds. A dead server is noticed within three seconds; without PING the connection would look ready for minutes. A
// lost connection is opened again without end.

import { Redis, type RedisCommander, type RedisOptions } from 'ioredis'
import { withDeadline } from '../base/deadline.ts'
import { type ChannelLog, ChannelUnavailable } from './channel.ts'
import { nameOf, type SentinelTarget, type SingleTarget } from './redis-url.ts'

export const CALL_MS = 2_000
const COMMAND_MS = 1_500
const CONNECT_MS = 1_500
export const PING_EVERY_MS = 1_000
/** A server that is silent for PING_EVERY_MS + SILENCE_MS counts as dead. */
const SILENCE_MS = 2_000
const CLOSE_MS = 500
/** Delay until a connection whose preparation failed is replaced by a new one. */
const PREPARE_AGAIN_MS = 1_000
/** How long one Sentinel may take to name the primary, before the next one is asked. */
const SENTINEL_MS = 1_000
const BACKOFF_MS = { first: 50, most: 2_000 }

/** Errors that do not go away by waiting: wrong credentials, missing rights, no such database. */
const PERMANENT_ERRORS = /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR DB index)/

/** What one server and a cluster understand alike. All keys of one command, script or transaction have the same hash tag. */
export type RedisCommands = RedisCommander<{ type: 'default' }> & Pick<Redis, 'multi' | 'defineCommand'>

export type RedisConnection = {
  name: string
  /** The names of the servers in use. A cluster has several. */
  servers(): string[]
  /** Registers scripts, which `call` can then run. */
  defineScripts(define: (redis: RedisCommands) => void): void
  /** Runs commands. Rejects with ChannelUnavailable after two seconds; the commands may still have run. */
  call<T>(work: (redis: RedisCommands) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Prepares a server on each connect. */
export type PrepareServer = (redis: Redis, name: string) => Promise<void>

export type OpenOptions<Target> = {
  target: Target
  log: ChannelLog
  /** How long the first connection may take, in milliseconds. 0: it is not waited for, and tried again without end. */
  timeoutMs: number
  /** Runs on every connect, also on the first one. When it fails, a new connection is tried. */
  prepare?: PrepareServer
}

/** Resolves once connected and prepared. Rejects with ChannelUnavailable after `timeoutMs`. With 0 it resolves at once. */
export async function openServer(options: OpenOptions<SingleTarget | SentinelTarget>): Promise<RedisConnection> {
  const { target, log, timeoutMs, prepare } = options
  const name = nameOf(target)
  const redis = new Redis(optionsFor(target))
  const { lastError, isClosed, stopLogging } = logConnection(redis, name, log, timeoutMs > 0)

  // A PING that fails needs no handling: `socketTimeout` has already ended the connection.
  const pings = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => {})
  }, PING_EVERY_MS)

  const connection: RedisConnection = {
    name,
    servers: () => [name],
    defineScripts: (define) => define(redis),
    async call(work) {
      if (isClosed()) throw new ChannelUnavailable(`The connection to ${name} is closed.`)
      try {
        return await orTimeout(CALL_MS, () => work(redis))
      } catch (error) {
        throw unavailable(name, error, lastError())
      }
    },
    async close() {
      if (isClosed()) return
      stopLogging()
      clearInterval(pings)
      await end(redis)
    },
  }

  try {
    const ready = firstReady(redis, prepare && (() => prepare(redis, name)), log, timeoutMs > 0)
    if (timeoutMs > 0) await orTimeout(timeoutMs, () => ready)
    return connection
  } catch (error) {
    await connection.close()
    throw new ChannelUnavailable(`${name} could not be reached: ${causeOf(lastError() ?? error)}`)
  }
}

/** The error of a failed call. It has no `cause`: ioredis puts the arguments into its errors. They may be documents or a password. */
export function unavailable(
  name: string,
  error: unknown,
  connectionError: unknown,
  outage: 'app' | 'all' = 'all',
): ChannelUnavailable {
  const isRefusal = error instanceof Error && error.name === 'ReplyError'
  const extent = isRefusal ? 'call' : outage
  return new ChannelUnavailable(`${name} did not do it: ${causeOf(error, connectionError)}`, { extent })
}

/** Each attempt to reconnect fails with an error again. Only changes are logged. `isLogged`: the caller reports a first failure. */
export function logConnection(
  redis: { on(event: string, listener: (error: Error) => void): unknown },
  name: string,
  log: ChannelLog,
  isLogged: boolean,
) {
  let lastError: unknown
  let connected = false
  let closed = false
  const because = () => (lastError ? ` ${reasonOf(lastError)}` : '')
  redis.on('error', (error) => {
    lastError = error
    if (connected || isLogged || closed) return
    isLogged = true
    log({ level: 'warn', kind: 'disconnected', message: `Cannot reach ${name}; trying again.${because()}` })
  })
  redis.on('ready', () => {
    connected = true
    isLogged = true
    lastError = undefined
    log({ level: 'info', kind: 'connected', message: `Connected to ${name}.` })
  })
  redis.on('close', () => {
    if (connected && !closed) {
      log({ level: 'warn', kind: 'disconnected', message: `Lost ${name}; reconnecting.${because()}` })
    }
    connected = false
  })
  return {
    lastError: () => lastError,
    isClosed: () => closed,
    stopLogging() {
      closed = true
    },
  }
}

/** What holds for each connection to one server, also to those of a cluster. */
export function serverOptions({ tls, username, password }: Pick<SingleTarget, 'tls' | 'username' | 'password'>) {
  return {
    ...(tls ? { tls: {} } : {}),
    username,
    password,
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: CLOSE_MS,
    commandTimeout: COMMAND_MS,
    socketTimeout: SILENCE_MS,
    keepAlive: PING_EVERY_MS,
    // Calls that wait for a lost connection fail at once. The caller decides whether to send them again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // redis-subscription.ts subscribes again itself. ioredis would not wait for the acknowledgement, nor handle a failure.
    autoResubscribe: false,
  } satisfies RedisOptions
}

/** How long to wait before the next attempt, in ms: 25 to 50, and at most 1,000 to 2,000. */
export function backoffMs(attempt: number): number {
  const delay = Math.min(BACKOFF_MS.first * 2 ** Math.min(attempt, 16), BACKOFF_MS.most)
  return delay / 2 + (Math.random() * delay) / 2
}

function optionsFor(target: SingleTarget | SentinelTarget): RedisOptions {
  return {
    ...serverOptions(target),
    ...(target.kind === 'single' ? { host: target.host, port: target.port } : sentinelOptions(target)),
    db: target.db,
    // After a failover the old primary refuses writes. A new connection finds the new primary.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: backoffMs,
  }
}

function sentinelOptions({ sentinels, group, tls }: SentinelTarget): RedisOptions {
  return {
    sentinels,
    name: group,
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    // Without a number, the connection would end for ever as soon as no Sentinel answers.
    sentinelRetryStrategy: backoffMs,
    sentinelCommandTimeout: SENTINEL_MS,
    // No `failoverDetector`: when a failover is told while ioredis connects, it would end the connection for ever. It is not needed: at a
    // failover the Sentinels cut off the clients of the old primary, and a primary that hangs is noticed by its silence.
    failoverDetector: false,
  }
}

/**
 * Connects and prepares the connection, and later ones. It tries again until it succeeds. With `mayFail` an error that is permanent
 * rejects.
 */
function firstReady(
  redis: Redis,
  prepare: (() => Promise<void>) | undefined,
  log: ChannelLog,
  mayFail: boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let first = mayFail
    redis.on('error', (error) => {
      if (first && isPermanent(error)) reject(error)
    })
    redis.on('ready', async () => {
      try {
        await prepare?.()
        first = false
        resolve()
      } catch (error) {
        // The connection itself was lost. ioredis replaces it already.
        if (redis.status !== 'ready') return
        if (first) return reject(error)
        log({ level: 'warn', kind: 'setup-failed', message: `Could not set up a connection: ${reasonOf(error)}` })
        setTimeout(() => redis.status === 'ready' && redis.disconnect(true), PREPARE_AGAIN_MS).unref()
      }
    })
    redis.connect().catch(() => {}) // the event `error` has the details, and ioredis tries again
  })
}

export function isPermanent(error: Error): boolean {
  return PERMANENT_ERRORS.test(error.message)
}

/** Sends QUIT when the server answers. Else it cuts the connection. */
async function end(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    const ended = new Promise<void>((resolve) => redis.once('end', () => resolve()))
    redis.quit().catch(() => {}) // the connection is cut below in any case
    await orTimeout(CLOSE_MS, () => ended).catch(() => {})
  }
  if (redis.status !== 'end') redis.disconnect()
}

export async function orTimeout<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return withDeadline(ms, work(), () => new Error(`no answer within ${ms} ms`))
}

/** The reason of a failed call. ioredis says only that it gave up when a connection was lost, so the error of that counts. */
export function causeOf(error: unknown, connectionError?: unknown): string {
  const connectionLost = error instanceof Error && error.name === 'MaxRetriesPerRequestError'
  if (!connectionLost) return reasonOf(error)
  return connectionError ? reasonOf(connectionError) : 'the connection was lost'
}

/** The message of an error, for a log or another message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
