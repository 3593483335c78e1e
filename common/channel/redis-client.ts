// Opens Redis, in whichever form REDIS_URL names it: one server, Sentinels, or a cluster.

import { openCluster } from './redis-cluster-connection.ts'
import { type OpenOptions, openServer, type RedisConnection } from './redis-connection.ts'
import { type Subscription, type SubscriptionOptions, subscribe, subscribeToPrimaries } from './redis-subscription.ts'
import type { RedisTarget } from './redis-url.ts'

export type RedisClient = RedisConnection & {
  /** Listens to changed documents. It resolves once the subscription is acknowledged. */
  subscribe(options: SubscriptionOptions): Promise<Subscription>
}

/** Resolves once connected and prepared. Rejects with ChannelUnavailable after `timeoutMs`. With 0 it resolves at once. */
export async function openRedis({ target, ...options }: OpenOptions<RedisTarget>): Promise<RedisClient> {
  if (target.kind === 'cluster') {
    const cluster = await openCluster({ target, ...options })
    return { ...cluster, subscribe: (subscription) => subscribeToPrimaries(cluster, subscription) }
  }
  const server = await openServer({ target, ...options })
  return { ...server, subscribe: (subscription) => subscribe(target, subscription) }
}
