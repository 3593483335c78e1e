// Listens to changed documents, by keyspace notifications of Redis, on connections of its own. A cluster needs one for each primary,
// because a server notifies only of its own keys. Redis does not repeat notifications that it sent while a connection was down. So the
// listener is told of the interruption after each reconnect.

import type { Redis } from 'ioredis'
import { type ChannelLog, ChannelUnavailable, callListener, type Listener } from './channel.ts'
import { addressOf, DOCUMENT_PATTERNS } from './keys.ts'
import type { RedisClusterConnection } from './redis-cluster-connection.ts'
import { openServer, orTimeout, type PrepareServer, type RedisConnection, reasonOf } from './redis-connection.ts'
import { nameOf, type SentinelTarget, type SingleTarget } from './redis-url.ts'

export type SubscriptionOptions = {
  log: ChannelLog
  timeoutMs: number
  enableNotifications: PrepareServer
  listener: Listener
}

export type Subscription = { close(): Promise<void> }

/** Resolves once Redis has acknowledged the subscription. */
export async function subscribe(
  target: SingleTarget | SentinelTarget,
  { log, timeoutMs, enableNotifications, listener }: SubscriptionOptions,
): Promise<Subscription> {
  let listening = false
  return openSubscription(target, timeoutMs, log, enableNotifications, listener, () => {
    if (listening) callListener(log, () => listener.interrupted())
    listening = true
  })
}

/**
 * Resolves once every primary has acknowledged, or after `timeoutMs` once one of them has. A primary that is down holds up only the apps
 * whose keys it has: as soon as it acknowledges, the listener is told of an interruption. So it is after a failover, and when slots move
 * to a new primary. Rejects with ChannelUnavailable when no primary acknowledges in time.
 */
export async function subscribeToPrimaries(
  cluster: RedisClusterConnection,
  { log, timeoutMs, enableNotifications, listener }: SubscriptionOptions,
): Promise<Subscription> {
  const subscriptions = new Map<string, { acknowledged: Promise<void>; close(): Promise<void> }>()
  const firstLayout = Promise.withResolvers<void>()
  let listening = false

  function follow(): void {
    const primaries = new Map(cluster.primaries().map((primary) => [nameOf(primary), primary]))
    if (primaries.size === 0) return // not connected: the primaries may be the same when it is again
    for (const [name, primary] of primaries) if (!subscriptions.has(name)) subscriptions.set(name, open(primary))
    for (const [name, subscription] of subscriptions) {
      if (primaries.has(name)) continue
      subscriptions.delete(name)
      void subscription.close()
    }
    firstLayout.resolve()
  }

  function open(primary: SingleTarget) {
    const acknowledgement = Promise.withResolvers<void>()
    const opening = openSubscription(primary, 0, log, enableNotifications, listener, () => {
      acknowledgement.resolve()
      if (listening) callListener(log, () => listener.interrupted())
    })
    return {
      acknowledged: acknowledgement.promise,
      close: async () => (await opening).close(),
    }
  }

  const stopFollowing = cluster.onLayout(follow)
  async function close(): Promise<void> {
    stopFollowing()
    const open = [...subscriptions.values()]
    subscriptions.clear()
    await Promise.all(open.map((subscription) => subscription.close()))
  }

  follow()
  const acknowledged = async (of: 'all' | 'any') => {
    await firstLayout.promise
    const promises = [...subscriptions.values()].map((subscription) => subscription.acknowledged)
    await (of === 'all' ? Promise.all(promises) : Promise.any(promises))
  }
  const any = acknowledged('any')
  try {
    await orTimeout(timeoutMs, () => acknowledged('all')).catch(() => orTimeout(0, () => any))
  } catch (error) {
    await close()
    throw new ChannelUnavailable(`No primary of ${cluster.name} acknowledged the subscription: ${reasonOf(error)}`)
  }
  listening = true
  return { close }
}

/** `acknowledged` is called after each connect, once the subscription is acknowledged. */
function openSubscription(
  target: SingleTarget | SentinelTarget,
  timeoutMs: number,
  log: ChannelLog,
  enableNotifications: PrepareServer,
  listener: Listener,
  acknowledged: () => void,
): Promise<RedisConnection> {
  const prefix = `__keyspace@${target.db}__:`
  const patterns = DOCUMENT_PATTERNS.map((pattern) => prefix + pattern)
  return openServer({
    target,
    log,
    timeoutMs,
    async prepare(redis, name) {
      if (redis.listenerCount('pmessage') === 0) redis.on('pmessage', handleNotification)
      // In this order, so that nothing is missed after the acknowledgement.
      await enableNotifications(redis, name)
      await redis.psubscribe(...patterns)
      acknowledged()
    },
  })

  function handleNotification(_pattern: string, channel: string): void {
    const address = addressOf(channel.slice(prefix.length))
    if (address) callListener(log, () => listener.changed(address))
  }
}

/** K: keyspace channels. $: string commands. Documents are strings, and only SET changes them. */
const NEEDED_FLAGS = ['K', '$']
const SETTING = 'notify-keyspace-events'

/**
 * Makes the function that turns keyspace notifications on. It runs on each connect, because Redis forgets the setting when it
 * restarts. Flags that others need stay. Many managed servers forbid CONFIG: that is logged once, and nodes then find changes
 * by comparing manifests, a few seconds later. The function rejects for other failures.
 *
 * @param onResult called each time, with the name of the server.
 */
export function notificationEnabler(
  log: ChannelLog,
  onResult: (server: string, isRefused: boolean) => void,
): PrepareServer {
  const warned = new Set<string>()
  return async (redis: Redis, name: string) => {
    try {
      const present = ((await redis.config('GET', SETTING)) as string[])[1] ?? ''
      const merged = mergeNotificationFlags(present)
      if (merged !== undefined) await redis.config('SET', SETTING, merged)
      onResult(name, false)
      if (merged === undefined) return
      log({ level: 'info', kind: 'notifications-on', message: `Set ${SETTING} of ${name} to ${merged}.` })
    } catch (error) {
      // Only an answer of Redis is a refusal. After a lost connection or a timeout, the next connect tries again.
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error
      onResult(name, true)
      if (warned.has(name)) return
      warned.add(name)
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
