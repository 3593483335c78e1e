// The event stream as a Redis Stream, without a limit: accepted events are never dropped to make room. How safe
// they are against a crash of Redis is Redis's setting (appendonly, replicas), not ours.

import type { EventStream } from './event-stream.ts'
import { EVENTS_KEY } from './keys.ts'
import type { ChannelLog } from './log.ts'
import { openRedis } from './redis-connection.ts'
import { defineScripts } from './redis-scripts.ts'
import { parseRedisUrl } from './redis-url.ts'

/** Milliseconds until the first connection. */
const START = 5_000

/** Calls reject as those of the channel do: with ChannelUnavailable, within about two seconds. */
export async function connectRedisEventStream(options: { url: string; log?: ChannelLog }): Promise<EventStream> {
  const { url, log = () => {} } = options
  const connection = await openRedis({ target: parseRedisUrl(url), log, within: START })
  defineScripts(connection.redis)

  return {
    async append(batch) {
      if (batch.length) await connection.call((redis) => redis.appendEvents(EVENTS_KEY, ...batch))
    },

    async read(after, limit) {
      const from = after === null ? '-' : `(${checked(after)}`
      const entries = await connection.call((redis) => redis.xrange(EVENTS_KEY, from, '+', 'COUNT', limit))
      return entries.map(([position, fields]) => ({ position, payload: fields[1]! }))
    },

    async trim(upTo) {
      const [milliseconds, sequence] = checked(upTo).split('-')
      // Exactly, not "about" (~): what `length` says is what is still to be folded.
      const firstKept = `${milliseconds}-${BigInt(sequence!) + 1n}`
      await connection.call((redis) => redis.xtrim(EVENTS_KEY, 'MINID', '=', firstKept))
    },

    length: () => connection.call((redis) => redis.xlen(EVENTS_KEY)),

    close: () => connection.close(),
  }
}

function checked(position: string): string {
  if (/^\d{1,20}-\d{1,20}$/.test(position)) return position
  throw new RangeError(`Not a position of this stream: ${JSON.stringify(position)}.`)
}
