// One connection to Redis. Every call settles within two seconds. A dead server is noticed within three seconds; without PING
// the connection would look ready for minutes. A lost connection is opened again without end. It leads to one server, to the primary
// that the Sentinels name, or to all nodes of a Cluster.

import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { withDeadline } from '../base/deadline.ts'
import { type ChannelLog, ChannelUnavailable } from './channel.ts'
import { nameOf, type RedisTarget } from './redis-url.ts'

const CALL_MS = 2_000
const COMMAND_MS = 1_500
const CONNECT_MS = 1_500
const PING_EVERY_MS = 1_000
/** A server that is silent for PING_EVERY_MS + SILENCE_MS counts as dead. */
const SILENCE_MS = 2_000
const CLOSE_MS = 500
/** Delay until a connection whose preparation failed is replaced by a new one. */
const PREPARE_AGAIN_MS = 1_000
const BACKOFF_MS = { first: 50, most: 2_000 }

/** Errors that do not go away by waiting: wrong credentials, missing rights, no such database. */
const PERMANENT_ERRORS = /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR DB index)/

export type RedisConnection = {
  /** Used inside `call`, and to register events and scripts. For a Cluster it is a `Cluster`, which has the same commands. */
  redis: Redis
  name: string
  /** Runs commands. Rejects with ChannelUnavailable after two seconds; the commands may still have run. */
  call<T>(work: (redis: Redis) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export type OpenOptions = {
  target: RedisTarget
  log: ChannelLog
  /** How long the first connection may take, in milliseconds. 0: it is not waited for, and tried again without end. */
  timeoutMs: number
  /** Runs on every connect, also on the first one. When it fails, a new connection is tried. */
  prepare?: (redis: Redis) => Promise<void>
}

/** Resolves once connected and prepared. Rejects with ChannelUnavailable after `timeoutMs`. With 0 it resolves at once. */
export async function openRedis({ target, log, timeoutMs, prepare }: OpenOptions): Promise<RedisConnection> {
  const name = nameOf(target)
  const redis = clientFor(target)
  let lastError: unknown
  let closed = false

  // Each attempt to reconnect fails with an error again. Only changes are logged.
  let connected = false
  let isLogged = timeoutMs > 0
  redis.on('error', (error) => {
    lastError = error
  })
  redis.on('ready', () => {
    connected = true
    lastError = undefined
    log({ level: 'info', kind: 'connected', message: `Connected to ${name}.` })
  })
  redis.on('close', () => {
    if (connected && !closed) {
      const message = `Lost ${name}; reconnecting. ${lastError ? reasonOf(lastError) : ''}`.trimEnd()
      log({ level: 'warn', kind: 'disconnected', message })
    }
    if (!connected && !isLogged && !closed) {
      const message = `Cannot reach ${name}; trying again. ${lastError ? reasonOf(lastError) : ''}`.trimEnd()
      log({ level: 'warn', kind: 'disconnected', message })
      isLogged = true
    }
    connected = false
  })

  // A PING that fails needs no handling: `socketTimeout` has already ended the connection.
  const pings = setInterval(() => {
    if (redis.status !== 'ready') return
    for (const server of serversOf(redis)) if (server.status === 'ready') server.ping().catch(() => {})
  }, PING_EVERY_MS)

  const connection: RedisConnection = {
    redis,
    name,
    async call(work) {
      if (closed) throw new ChannelUnavailable(`The connection to ${name} is closed.`)
      try {
        return await orTimeout(CALL_MS, () => work(redis))
      } catch (error) {
        // No `cause`: ioredis puts the arguments into its errors. They may be documents or a password.
        const refused = error instanceof Error && error.name === 'ReplyError'
        throw new ChannelUnavailable(`${name} did not do it: ${causeOf(error, lastError)}`, { refused })
      }
    },
    async close() {
      if (closed) return
      closed = true
      clearInterval(pings)
      await end(redis)
    },
  }

  try {
    const ready = firstReady(redis, prepare, log, timeoutMs > 0)
    if (timeoutMs > 0) await orTimeout(timeoutMs, () => ready)
    return connection
  } catch (error) {
    await connection.close()
    throw new ChannelUnavailable(`${name} could not be reached: ${causeOf(lastError ?? error)}`)
  }
}

function clientFor(target: RedisTarget): Redis {
  if (target.kind === 'single') return new Redis({ host: target.host, port: target.port, ...optionsFor(target) })
  if (target.kind === 'cluster') return new Cluster(target.nodes, clusterOptionsFor(target)) as unknown as Redis
  return new Redis({
    sentinels: target.sentinels,
    name: target.group,
    sentinelCommandTimeout: COMMAND_MS,
    sentinelRetryStrategy: backoff,
    // At a failover the Sentinels cut off the clients of the old primary. Then the connection asks for the new one.
    ...optionsFor(target),
  })
}

/** The servers behind a connection: one, or the primaries of a Cluster. */
export function serversOf(redis: Redis): Redis[] {
  return (redis as unknown) instanceof Cluster ? (redis as unknown as Cluster).nodes('master') : [redis]
}

function optionsFor(target: RedisTarget): RedisOptions {
  return {
    ...(target.tls ? { tls: {} } : {}),
    db: target.db,
    username: target.username,
    password: target.password,
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
    // After a failover the old primary refuses writes. A new connection finds the new primary.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: backoff,
  }
}

/** How often a Cluster is asked which node has which slots, in ms. */
const TOPOLOGY_EVERY_MS = 2_000

function clusterOptionsFor(target: RedisTarget): ClusterOptions {
  return {
    redisOptions: optionsFor(target),
    lazyConnect: true,
    slotsRefreshInterval: TOPOLOGY_EVERY_MS,
    slotsRefreshTimeout: CONNECT_MS,
    clusterRetryStrategy: backoff,
    // During a failover the slots of a dead primary have no node. A call then fails after CALL_MS.
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
  }
}

function backoff(attempt: number): number {
  const delay = Math.min(BACKOFF_MS.first * 2 ** Math.min(attempt, 16), BACKOFF_MS.most)
  return delay / 2 + (Math.random() * delay) / 2
}

/**
 * Connects and prepares the connection, and later ones. It tries again until it succeeds. With `mayFail` an error that is permanent
 * rejects.
 */
function firstReady(redis: Redis, prepare: OpenOptions['prepare'], log: ChannelLog, mayFail: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let first = mayFail
    redis.on('error', (error) => {
      if (first && PERMANENT_ERRORS.test(error.message)) reject(error)
    })
    redis.on('ready', async () => {
      try {
        await prepare?.(redis)
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

/** Sends QUIT when the server answers. Else it cuts the connection. */
async function end(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    const ended = new Promise<void>((resolve) => redis.once('end', () => resolve()))
    redis.quit().catch(() => {}) // the connection is cut below in any case
    await orTimeout(CLOSE_MS, () => ended).catch(() => {})
  }
  if (redis.status !== 'end') redis.disconnect()
}

async function orTimeout<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return withDeadline(ms, work(), () => new Error(`no answer within ${ms} ms`))
}

/** The reason of a failed call. ioredis says only that it gave up when a connection was lost, so the error of that counts. */
function causeOf(error: unknown, connectionError?: unknown): string {
  const connectionLost = error instanceof Error && error.name === 'MaxRetriesPerRequestError'
  if (!connectionLost) return reasonOf(error)
  return connectionError ? reasonOf(connectionError) : 'the connection was lost'
}

/** The message of an error, for a log or another message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
