// One connection to Redis that never keeps a caller waiting: every call settles within two seconds, a dead or
// stopped server is noticed within five (it would otherwise look ready for minutes), and it reconnects for ever.

import { Redis, type RedisOptions } from 'ioredis'
import { withDeadline } from '../base/deadline.ts'
import { ChannelUnavailable } from './errors.ts'
import { type ChannelLog, reasonOf } from './log.ts'
import { nameOf, type RedisTarget } from './redis-url.ts'

/** All in milliseconds. A server that was silent for PING_EVERY + SILENCE is taken for dead. */
const CALL = 2_000
const COMMAND = 1_500
const CONNECT = 1_500
const PING_EVERY = 2_000
const SILENCE = 2_500
const CLOSE = 500
/** Until a connection that could not be prepared is given up for a new one. */
const PREPARE_AGAIN = 1_000
const BACKOFF = { first: 50, most: 2_000 }

/** Errors that waiting does not cure. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR DB index)/

export type RedisConnection = {
  /** For `call` only, and for events. */
  redis: Redis
  name: string
  /** Runs commands; rejects with ChannelUnavailable in time. What was cut off may still have been done. */
  call<T>(work: (redis: Redis) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export type OpenOptions = {
  target: RedisTarget
  log: ChannelLog
  /** How long the first connection may take, in milliseconds. */
  within: number
  /** Runs on every connect, the first included. When it fails, a new connection is tried. */
  prepare?: (redis: Redis) => Promise<void>
}

/** Resolves once connected and prepared; rejects with ChannelUnavailable within `within` ms. */
export async function openRedis({ target, log, within, prepare }: OpenOptions): Promise<RedisConnection> {
  const name = nameOf(target)
  const redis = new Redis(optionsFor(target))
  let lastError: unknown
  let closed = false

  // Every attempt to reconnect errs again; only a change is worth a line in the log.
  let connected = false
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
    connected = false
  })

  // A failed PING needs no handling here: by then `socketTimeout` has ended the connection.
  const watch = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => {})
  }, PING_EVERY)

  const connection: RedisConnection = {
    redis,
    name,
    async call(work) {
      if (closed) throw new ChannelUnavailable(`The connection to ${name} is closed.`)
      try {
        return await before(CALL, () => work(redis))
      } catch (error) {
        // Not as `cause`: ioredis puts the arguments into its errors, which may be documents or a password.
        const refused = error instanceof Error && error.name === 'ReplyError'
        throw new ChannelUnavailable(`${name} did not do it: ${explain(error, lastError)}`, { refused })
      }
    },
    async close() {
      if (closed) return
      closed = true
      clearInterval(watch)
      await end(redis)
    },
  }

  try {
    await before(within, () => firstReady(redis, prepare, log))
    return connection
  } catch (error) {
    await connection.close()
    throw new ChannelUnavailable(`${name} could not be reached: ${explain(lastError ?? error)}`)
  }
}

function optionsFor(target: RedisTarget): RedisOptions {
  return {
    host: target.host,
    port: target.port,
    ...(target.tls ? { tls: {} } : {}),
    db: target.db,
    username: target.username,
    password: target.password,
    lazyConnect: true,
    connectTimeout: CONNECT,
    disconnectTimeout: CLOSE,
    commandTimeout: COMMAND,
    socketTimeout: SILENCE,
    keepAlive: PING_EVERY,
    // When a connection is lost, whatever waits for it fails at once. Resending is the caller's decision.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // The subscriber subscribes itself: ioredis neither waits for the acknowledgement nor handles its failure.
    autoResubscribe: false,
    // After a failover the old primary refuses writes; a new connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy(attempt) {
      const delay = Math.min(BACKOFF.first * 2 ** Math.min(attempt, 16), BACKOFF.most)
      return delay / 2 + (Math.random() * delay) / 2
    },
  }
}

/** Connects, and goes on trying unless the server says no; prepares this and every later connection. */
function firstReady(redis: Redis, prepare: OpenOptions['prepare'], log: ChannelLog): Promise<void> {
  return new Promise((resolve, reject) => {
    let first = true
    redis.on('error', (error) => {
      if (first && REFUSED.test(error.message)) reject(error)
    })
    redis.on('ready', async () => {
      try {
        await prepare?.(redis)
        first = false
        resolve()
      } catch (error) {
        // When the connection itself went, it is being replaced already.
        if (redis.status !== 'ready') return
        if (first) return reject(error)
        log({ level: 'warn', kind: 'setup-failed', message: `Could not set up a connection: ${reasonOf(error)}` })
        setTimeout(() => redis.status === 'ready' && redis.disconnect(true), PREPARE_AGAIN).unref()
      }
    })
    redis.connect().catch(() => {}) // `error` tells more, and it goes on trying
  })
}

/** Politely if the server answers, else at once. */
async function end(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    const ended = new Promise<void>((resolve) => redis.once('end', () => resolve()))
    redis.quit().catch(() => {}) // either way it is gone below
    await before(CLOSE, () => ended).catch(() => {})
  }
  if (redis.status !== 'end') redis.disconnect()
}

async function before<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return withDeadline(ms, work(), () => new Error(`no answer within ${ms} ms`))
}

function explain(error: unknown, connectionError?: unknown): string {
  const flushed = error instanceof Error && error.name === 'MaxRetriesPerRequestError'
  if (!flushed) return reasonOf(error)
  return connectionError ? reasonOf(connectionError) : 'the connection was lost'
}
