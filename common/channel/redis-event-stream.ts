// The event stream as a Redis Stream, without a limit: accepted events are never dropped to make room. How safe
// they are against a crash of Redis is Redis's setting (appendonly, replicas), not ours.

import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { EventStream } from './event-stream.ts'
import { EVENTS_KEY } from './keys.ts'
import type { ChannelLog } from './log.ts'
import { openRedis } from './redis-connection.ts'
import { defineEventScripts } from './redis-event-scripts.ts'
import type { RedisSettings } from './redis-settings.ts'
import { nameOf, parseRedisUrl } from './redis-url.ts'

/** Milliseconds until the first connection. */
const START = 5_000
/** What is read at once, in bytes: of one event, beyond which it is cut, and of all together. */
const LONGEST_BYTES = 20_000
const MOST_BYTES = 4 * 1024 * 1024
const LAST_SEQUENCE = 2n ** 64n - 1n

/** Calls reject as those of the channel do: with ChannelUnavailable, within about two seconds. */
export async function connectRedisEventStream(options: {
  url: string
  log?: ChannelLog
  /** Looked at on each connect. */
  settings?: RedisSettings | undefined
}): Promise<EventStream> {
  const { url, log = () => {}, settings } = options
  const target = parseRedisUrl(url)
  const prepare = async (redis: Redis) => settings?.look(redis, nameOf(target))
  const connection = await openRedis({ target, log, within: START, prepare })
  defineEventScripts(connection.redis)

  return {
    async append(batch) {
      if (batch.length) await connection.call((redis) => redis.appendEvents(EVENTS_KEY, randomUUID(), ...batch))
    },

    async read(after, limit) {
      const { incarnation, id } = parsePosition(after)
      const [now, entries] = await connection.call((redis) =>
        redis.readEvents(EVENTS_KEY, incarnation, id, limit, LONGEST_BYTES, MOST_BYTES),
      )
      return entries.map(([id, payload]) => ({ position: `${now}/${id}`, payload }))
    },

    async trim(upTo) {
      const { incarnation, id } = parsePosition(upTo)
      await connection.call((redis) => redis.trimEvents(EVENTS_KEY, incarnation, id, idAfter(id)))
    },

    length: () => connection.call((redis) => redis.xlen(EVENTS_KEY)),

    close: () => connection.close(),
  }
}

/** What is no position of a Redis Stream, or of before positions named their stream, is of no stream that there is. */
function parsePosition(position: string | null): { incarnation: string; id: string } {
  const parts = /^([^/]*)\/(\d{1,20}-\d{1,20})$/.exec(position ?? '')
  return { incarnation: parts?.[1] ?? '', id: parts?.[2] ?? '0-0' }
}

function idAfter(id: string): string {
  const [milliseconds, sequence] = id.split('-').map(BigInt) as [bigint, bigint]
  return sequence < LAST_SEQUENCE ? `${milliseconds}-${sequence + 1n}` : `${milliseconds + 1n}-0`
}
