// Opens the MongoDB and the Redis of the settings. When one cannot be used, the error is one line that names the setting.

import type { Logger } from '../base/log.ts'
import type { Channel, ChannelLog } from '../channel/channel.ts'
import type { EventStream } from '../channel/event-stream.ts'
import { connectRedisChannel, type RedisChannelOptions } from '../channel/redis-channel.ts'
import type { RedisConfigCheck } from '../channel/redis-config-check.ts'
import { connectRedisEventStream } from '../channel/redis-event-stream.ts'
import type { StoreObserver } from '../store/observe.ts'
import { connectStore, type Store } from '../store/store.ts'
import { hideCredentials, SettingsError } from './settings.ts'

/** Throws SettingsError when it cannot be reached or cannot do transactions. */
export async function openMongoDb(uri: string, observer?: StoreObserver): Promise<Store> {
  return connectStore({ uri, now: Date.now, observer }).catch((error: Error) => {
    const expected = `expected a MongoDB replica set or sharded cluster that can be reached at ${hideCredentials(uri)}`
    throw new SettingsError(`MONGODB_URI: ${expected}: ${hideCredentials(error.message)}`)
  })
}

export async function openRedisChannel(
  url: string,
  log: Logger,
  options: Pick<RedisChannelOptions, 'configCheck' | 'mayConnectLater'> = {},
): Promise<Channel> {
  return connectRedisChannel({ url, log: channelLog(log), ...options }).catch((error: Error) =>
    explainRedis(url, error),
  )
}

export async function openRedisStream(url: string, log: Logger, configCheck?: RedisConfigCheck): Promise<EventStream> {
  return connectRedisEventStream({ url, log: channelLog(log), configCheck }).catch((error: Error) =>
    explainRedis(url, error),
  )
}

export function channelLog(log: Logger): ChannelLog {
  return ({ level, message, kind }) => log[level]({ kind }, message)
}

function explainRedis(url: string, error: Error): never {
  const expected = `expected a Redis that can be reached at ${hideCredentials(url)}`
  throw new SettingsError(`REDIS_URL: ${expected}: ${hideCredentials(error.message)}`)
}
