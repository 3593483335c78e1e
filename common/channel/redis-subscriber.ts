// Listens to changed documents on a connection of its own. Notifications are fire-and-forget: what was sent
// while the connection was down is lost, so after each reconnect the listener is told of the interruption.

import type { Redis } from 'ioredis'
import type { Listener } from './channel.ts'
import { addressOf, DOCUMENT_PATTERNS } from './keys.ts'
import type { ChannelLog } from './log.ts'
import { openRedis, type RedisConnection } from './redis-connection.ts'
import type { RedisTarget } from './redis-url.ts'
import { tell } from './tell.ts'

export type SubscriberOptions = {
  target: RedisTarget
  log: ChannelLog
  within: number
  keepNotifications: (redis: Redis) => Promise<void>
  listener: Listener
}

/** Resolves once Redis has acknowledged the subscription. */
export async function subscribe(options: SubscriberOptions): Promise<RedisConnection> {
  const { target, log, within, keepNotifications, listener } = options
  const prefix = `__keyspace@${target.db}__:`
  const patterns = DOCUMENT_PATTERNS.map((pattern) => prefix + pattern)
  let listening = false

  return openRedis({
    target,
    log,
    within,
    async prepare(redis) {
      if (redis.listenerCount('pmessage') === 0) redis.on('pmessage', heard)
      // In this order, so that from the acknowledgement on nothing is missed.
      await keepNotifications(redis)
      await redis.psubscribe(...patterns)
      if (listening) tell(log, () => listener.interrupted())
      listening = true
    },
  })

  function heard(_pattern: string, channel: string): void {
    const address = addressOf(channel.slice(prefix.length))
    if (address) tell(log, () => listener.changed(address))
  }
}
