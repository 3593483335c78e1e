// Listens to changed documents, by keyspace notifications of Redis, on a connection of its own. Redis does not repeat
// notifications that it sent while the connection was down. So the listener is told of the interruption after each reconnect.

import type { Redis } from 'ioredis'
import { type ChannelLog, ChannelUnavailable, callListener, type Listener } from './channel.ts'
import { addressOf, DOCUMENT_PATTERNS } from './keys.ts'
import { openRedis, type RedisConnection, reasonOf, serversOf } from './redis-connection.ts'
import type { RedisTarget } from './redis-url.ts'

export type SubscriptionOptions = {
  target: RedisTarget
  log: ChannelLog
  timeoutMs: number
  enableNotifications: (redis: Redis) => Promise<void>
  listener: Listener
}

export type Subscription = { close(): Promise<void> }

/** Resolves once Redis has acknowledged the subscription: in a Cluster, once every primary has. */
export async function subscribe(commander: RedisConnection, options: SubscriptionOptions): Promise<Subscription> {
  return options.target.kind === 'cluster' ? subscribeToPrimaries(commander, options) : subscribeToServer(options)
}

async function subscribeToServer(options: SubscriptionOptions): Promise<RedisConnection> {
  const { target, log, timeoutMs, enableNotifications, listener } = options
  const prefix = `__keyspace@${target.db}__:`
  const patterns = DOCUMENT_PATTERNS.map((pattern) => prefix + pattern)
  let listening = false

  return openRedis({
    target,
    log,
    timeoutMs,
    async prepare(redis) {
      if (redis.listenerCount('pmessage') === 0) redis.on('pmessage', handleNotification)
      // In this order, so that nothing is missed after the acknowledgement.
      await enableNotifications(redis)
      await redis.psubscribe(...patterns)
      if (listening) callListener(log, () => listener.interrupted())
      listening = true
    },
  })

  function handleNotification(_pattern: string, channel: string): void {
    const address = addressOf(channel.slice(prefix.length))
    if (address) callListener(log, () => listener.changed(address))
  }
}

/**
 * In a Cluster each primary sends only the notifications of its own keys, and does not pass them on. So there is a connection to each
 * primary. It follows the topology: after a failover, or when a node was added, the listener hears of an interruption.
 */
async function subscribeToPrimaries({ redis }: RedisConnection, options: SubscriptionOptions): Promise<Subscription> {
  const { target, log, listener } = options
  const connections = new Map<string, RedisConnection>()
  let isClosed = false
  let following = Promise.resolve()

  async function follow(isFirst: boolean): Promise<void> {
    const wanted = new Map(
      serversOf(redis).map(({ options: { host = '127.0.0.1', port = 6379 } }) => [`${host}:${port}`, { host, port }]),
    )
    for (const [name, connection] of connections) {
      if (wanted.has(name)) continue
      connections.delete(name)
      await connection.close()
    }
    let isNew = false
    for (const [name, address] of wanted) {
      if (isClosed || connections.has(name)) continue
      const { tls, db, username, password } = target
      const server = { kind: 'single', ...address, tls, db, username, password } as const
      connections.set(name, await subscribeToServer({ ...options, target: server }))
      isNew = true
    }
    if (isNew && !isFirst) callListener(log, () => listener.interrupted())
  }

  /** Runs at each look at the topology. A primary that cannot be reached yet is tried at the next one. */
  const onTopology = () => {
    following = following.then(() => (isClosed ? undefined : follow(false))).catch(() => {})
  }
  const close = async () => {
    isClosed = true
    redis.off('refresh', onTopology)
    await following
    await Promise.all([...connections.values()].map((connection) => connection.close()))
  }
  try {
    await follow(true)
    if (connections.size === 0) throw new ChannelUnavailable('The Redis Cluster has told no primary yet.')
  } catch (error) {
    await close()
    throw error
  }
  redis.on('refresh', onTopology)
  return { close }
}

/** K: keyspace channels. $: string commands. Documents are strings, and only SET changes them. */
const NEEDED_FLAGS = ['K', '$']
const SETTING = 'notify-keyspace-events'

/**
 * Makes the function that turns keyspace notifications on. It runs on each connect, because Redis forgets the setting when it
 * restarts. Flags that others need stay. Many managed servers forbid CONFIG: that is logged once, and nodes then find changes
 * by comparing manifests, a few seconds later. The function rejects for other failures.
 *
 * @param onResult called each time.
 */
export function notificationEnabler(
  name: string,
  log: ChannelLog,
  onResult: (isRefused: boolean) => void,
): (redis: Redis) => Promise<void> {
  let warned = false
  return async (redis) => {
    try {
      const present = ((await redis.config('GET', SETTING)) as string[])[1] ?? ''
      const merged = mergeNotificationFlags(present)
      if (merged !== undefined) await redis.config('SET', SETTING, merged)
      onResult(false)
      if (merged === undefined) return
      log({ level: 'info', kind: 'notifications-on', message: `Set ${SETTING} of ${name} to ${merged}.` })
    } catch (error) {
      // Only an answer of Redis is a refusal. After a lost connection or a timeout, the next connect tries again.
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error
      onResult(true)
      if (warned) return
      warned = true
      const message =
        `${name} does not let us set ${SETTING} (${reasonOf(error)}). Make sure that it contains ` +
        `${NEEDED_FLAGS.join('')}; without it nodes see changes only when they next compare manifests.`
      log({ level: 'warn', kind: 'notifications-refused', message })
    }
  }
}

/** The flags to write, or undefined when the present ones suffice. The flag `A` stands for all usual classes. */
export function mergeNotificationFlags(present: string): string | undefined {
  const missing = NEEDED_FLAGS.filter((flag) => !present.includes(flag) && !(flag === '$' && present.includes('A')))
  return missing.length ? present + missing.join('') : undefined
}
