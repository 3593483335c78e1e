// The channel over Redis. Alkaid can lose this Redis at any time: nodes serve from memory, and delivery writes
// again whatever is missing. Calls reject with ChannelUnavailable within about two seconds, never hang.

import { isUtf8 } from 'node:buffer'
import type { Redis } from 'ioredis'
import { formatStamp, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import { createProblemLog, type ProblemLog } from '../base/problem-log.ts'
import type { Address, Channel, Heartbeat, Listener } from './channel.ts'
import { ChannelUnavailable } from './errors.ts'
import { HEARTBEAT_KEPT, readHeartbeat } from './heartbeat.ts'
import { hashTagOf, heartbeatKey, isCode, manifestKey, NODES_KEY, placeOf } from './keys.ts'
import type { ChannelLog } from './log.ts'
import { openRedis, type RedisConnection } from './redis-connection.ts'
import { notificationKeeper } from './redis-notifications.ts'
import { defineScripts, standInOf } from './redis-scripts.ts'
import type { RedisSettings } from './redis-settings.ts'
import { subscribe } from './redis-subscriber.ts'
import { nameOf, parseRedisUrl } from './redis-url.ts'

export type RedisChannelOptions = {
  url: string
  log?: ChannelLog
  /** Looked at on each connect. */
  settings?: RedisSettings | undefined
}

/** Milliseconds until the first connection, and until a subscription. */
const START = 5_000
const LISTEN = 3_000

// Few documents per command, since each has 1.5 s and documents may have 2 MB: a slow network still manages. A
// second command is under way meanwhile; more gain nothing and stall the event loop longer (measured).
const DOCUMENTS_PER_READ = 8
const READS_AT_ONCE = 2

/** Rejects within about 5 s when Redis is out of reach, and at once when the URL or the credentials are wrong. */
export async function connectRedisChannel({ url, log = () => {}, settings }: RedisChannelOptions): Promise<Channel> {
  const target = parseRedisUrl(url)
  const keepNotifications = notificationKeeper(nameOf(target), log)
  const prepare = async (redis: Redis) => {
    settings?.look(redis, nameOf(target))
    await keepNotifications(redis)
  }
  const commander = await openRedis({ target, log, within: START, prepare })
  defineScripts(commander.redis)
  const tell = (level: 'info' | 'warn') => (_: object, message: string) =>
    log({ level, kind: 'heartbeat-unreadable', message })
  // Heartbeats are read every second: one that cannot be read is told once.
  const problems = createProblemLog({ info: tell('info'), warn: tell('warn') })
  const subscribers = new Set<RedisConnection>()
  let closed = false
  const assertOpen = () => {
    if (closed) throw new ChannelUnavailable('The channel is closed.')
  }

  return {
    async write(address, stamp, sealed) {
      const { key, stamps, field } = placeOf(address)
      const { epoch, revision } = checked(stamp)
      const written = await commander.call((redis) => redis.writeIfHigher(key, stamps, field, epoch, revision, sealed))
      return written === 1 ? 'written' : 'not higher'
    },

    async replace(address, unreadable, stamp, sealed) {
      const { key, stamps, field } = placeOf(address)
      const text = formatStamp(checked(stamp))
      const written = await commander.call((redis) =>
        redis.replaceUnreadable(key, stamps, field, text, unreadable, sealed),
      )
      return written === 1 ? 'written' : 'changed'
    },

    read: (addresses) => readDocuments(commander, addresses),

    async manifest(app) {
      const key = manifestKey(app)
      const fields = await commander
        .call((redis) => redis.hgetall(key))
        .catch((error: Error) => {
          // Something else under this name: as good as none, and the next write makes one.
          if (/WRONGTYPE/.test(error.message)) return {}
          throw error
        })
      return new Map(Object.entries(fields).filter(([code]) => isCode(code)))
    },

    async listen(listener: Listener) {
      assertOpen()
      const subscriber = await subscribe({ target, log, within: LISTEN, keepNotifications, listener })
      subscribers.add(subscriber)
      if (closed) await subscriber.close() // closed meanwhile; nobody else would
      assertOpen()
      return {
        async stop() {
          subscribers.delete(subscriber)
          await subscriber.close()
        },
      }
    },

    async beat(heartbeat) {
      const key = heartbeatKey(heartbeat.node)
      await commander.call(async (redis) => {
        const results = await redis
          .multi()
          .set(key, JSON.stringify(heartbeat), 'PX', HEARTBEAT_KEPT)
          .sadd(NODES_KEY, heartbeat.node)
          .exec()
        const [[stored] = [], [listed] = []] = results ?? []
        if (stored) throw stored
        // Somebody else's key in place of the index: it would forbid every heartbeat.
        if (listed && /WRONGTYPE/.test(listed.message))
          await redis.multi().del(NODES_KEY).sadd(NODES_KEY, heartbeat.node).exec()
        else if (listed) throw listed
      })
    },

    heartbeats: (maxAgeMs) => readHeartbeats(commander, problems, Date.now() - maxAgeMs),

    async close() {
      closed = true
      await Promise.all([commander, ...subscribers].map((connection) => connection.close()))
    },
  }
}

async function readDocuments(commander: RedisConnection, addresses: readonly Address[]): Promise<(string | null)[]> {
  const sealed: (string | null)[] = new Array(addresses.length).fill(null)
  const wanted = addresses.map((address, index) => ({ key: placeOf(address).key, index }))
  // By hash tag, since one MGET of a cluster cannot span nodes.
  const batches = [...Map.groupBy(wanted, ({ key }) => hashTagOf(key)).values()].flatMap(inBatches)
  const lane = async () => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      const keys = batch.map(({ key }) => key)
      const found = await commander.call((redis) => redis.readDocumentsBuffer(keys.length, ...keys))
      batch.forEach(({ index }, position) => {
        const bytes = found[position]
        sealed[index] = bytes ? textOf(bytes) : null
      })
    }
  }
  await Promise.all(Array.from({ length: READS_AT_ONCE }, lane))
  return sealed
}

/** Bytes that are no text could not be named to `replace`: something stands in for them, which is no document either. */
function textOf(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : standInOf(bytes)
}

function inBatches<T>(items: T[]): T[][] {
  const count = Math.ceil(items.length / DOCUMENTS_PER_READ)
  return Array.from({ length: count }, (_, i) => items.slice(i * DOCUMENTS_PER_READ, (i + 1) * DOCUMENTS_PER_READ))
}

/** Those since `oldest` (ms). Nodes whose heartbeat expired leave the index; one that beats again re-enters it. */
async function readHeartbeats(commander: RedisConnection, problems: ProblemLog, oldest: number): Promise<Heartbeat[]> {
  const nodes = await commander
    .call((redis) => redis.smembers(NODES_KEY))
    .catch((error: Error) => {
      if (/WRONGTYPE/.test(error.message)) return [] // as good as none, and the next heartbeat makes one
      throw error
    })
  if (nodes.length === 0) return []
  const texts = await commander.call((redis) => redis.mget(nodes.map(heartbeatKey)))
  const gone = nodes.filter((_, index) => texts[index] === null)
  if (gone.length) await commander.call((redis) => redis.srem(NODES_KEY, ...gone))

  const heartbeats: Heartbeat[] = []
  for (const [index, node] of nodes.entries()) {
    const what = `the heartbeat of node ${node.slice(0, 100)}`
    const text = texts[index]
    const heartbeat = text ? readHeartbeat(text) : undefined
    if (text && !heartbeat) problems.report(what, 'cannot be read')
    else problems.resolve(what)
    if (heartbeat && heartbeat.at >= oldest) heartbeats.push(heartbeat)
  }
  return heartbeats
}

/** The script compares exactly up to 15 digits, as `parseStamp` reads. */
function checked(stamp: Stamp): Stamp {
  if (parseStamp(formatStamp(stamp))) return stamp
  throw new RangeError(`Epoch and revision are integers from 0 to 15 digits, but this is ${formatStamp(stamp)}.`)
}
