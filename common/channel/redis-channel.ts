// The channel over Redis. Alkaid can lose this Redis at any time: nodes serve from memory, and delivery writes missing documents
// again. Calls reject with ChannelUnavailable within about two seconds.

import { isUtf8 } from 'node:buffer'
import { formatStamp, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import { createProblemLog, type ProblemLog } from '../base/problem-log.ts'
import {
  type Address,
  type Channel,
  type ChannelLog,
  ChannelUnavailable,
  HEARTBEAT_KEPT_MS,
  type Heartbeat,
  type Listener,
  parseHeartbeat,
  parseUseReport,
  REPORT_KEPT_MS,
  type UseReport,
} from './channel.ts'
import { hashTagOf, heartbeatKey, isCode, manifestKey, NODES_KEY, placeOf, REPORTS_KEY } from './keys.ts'
import { openRedis } from './redis-client.ts'
import type { RedisConfigCheck } from './redis-config-check.ts'
import type { PrepareServer, RedisConnection } from './redis-connection.ts'
import { defineScripts, placeholderOf } from './redis-document-scripts.ts'
import { notificationEnabler, type Subscription } from './redis-subscription.ts'
import { parseRedisUrl } from './redis-url.ts'

export type RedisChannelOptions = {
  url: string
  log?: ChannelLog
  /** Started on each connect. */
  configCheck?: RedisConfigCheck | undefined
  /** Resolves at once, whether Redis can be reached or not. Calls are rejected until it is connected. */
  mayConnectLater?: boolean | undefined
}

const FIRST_CONNECTION_MS = 5_000
const SUBSCRIPTION_MS = 3_000

// A command has 1.5 s and a document may have 2 MB. So a command reads few documents, and a slow network still manages. Two
// commands run at once; more gain nothing and block the event loop longer (measured).
const DOCUMENTS_PER_READ = 8
const READS_AT_ONCE = 2
const LINES_PER_READ = 1_000

/**
 * Rejects after 5 seconds when Redis is out of reach, and at once when the URL or the credentials are wrong. With `mayConnectLater`
 * only a wrong URL is an error.
 */
export async function connectRedisChannel(options: RedisChannelOptions): Promise<Channel> {
  const { url, log = () => {}, configCheck, mayConnectLater = false } = options
  const target = parseRedisUrl(url)
  /** Servers that did not let this process turn notifications on. */
  const refusing = new Set<string>()
  const enableNotifications = notificationEnabler(log, (server, isRefused) => {
    if (isRefused) refusing.add(server)
    else refusing.delete(server)
  })
  const prepare: PrepareServer = async (redis, name) => {
    configCheck?.start(redis, name)
    await enableNotifications(redis, name)
  }
  const commander = await openRedis({ target, log, timeoutMs: mayConnectLater ? 0 : FIRST_CONNECTION_MS, prepare })
  commander.defineScripts(defineScripts)
  // Heartbeats are read every second. The log names each unreadable one once.
  const logHeartbeat = (level: 'info' | 'warn') => (_: object, message: string) =>
    log({ level, kind: 'heartbeat-unreadable', message })
  const problems = createProblemLog({ info: logHeartbeat('info'), warn: logHeartbeat('warn') })
  const subscribers = new Set<Subscription>()
  let closed = false
  const assertOpen = () => {
    if (closed) throw new ChannelUnavailable('The channel is closed.')
  }

  return {
    async write(address, stamp, sealed) {
      const { key, stamps, field } = placeOf(address)
      const { epoch, revision } = checkedStamp(stamp)
      const written = await commander.call((redis) => redis.writeIfHigher(key, stamps, field, epoch, revision, sealed))
      return written === 1 ? 'written' : 'not higher'
    },

    async replace(address, unreadable, stamp, sealed) {
      const { key, stamps, field } = placeOf(address)
      const text = formatStamp(checkedStamp(stamp))
      const written = await commander.call((redis) =>
        redis.replaceUnreadable(key, stamps, field, text, unreadable, sealed),
      )
      return written === 1 ? 'written' : 'changed'
    },

    async remove(address, unreadable) {
      const { key, stamps, field } = placeOf(address)
      const removed = await commander.call((redis) => redis.removeUnreadable(key, stamps, field, unreadable ?? ''))
      return removed === 1 ? 'removed' : 'changed'
    },

    read: (addresses) => readDocuments(commander, addresses),

    async manifest(app) {
      return readManifest(commander, manifestKey(app)).catch((error: Error) => {
        // A foreign key has the name of the manifest. It counts as none, and the next write replaces it.
        if (/WRONGTYPE/.test(error.message)) return new Map()
        throw error
      })
    },

    async listen(listener: Listener) {
      assertOpen()
      const subscriber = await commander.subscribe({ log, timeoutMs: SUBSCRIPTION_MS, enableNotifications, listener })
      subscribers.add(subscriber)
      if (closed) await subscriber.close() // the channel was closed meanwhile
      assertOpen()
      return {
        async stop() {
          subscribers.delete(subscriber)
          await subscriber.close()
        },
      }
    },

    notifications: () => (commander.servers().some((server) => refusing.has(server)) ? 'unknown' : 'on'),

    async beat(heartbeat) {
      const key = heartbeatKey(heartbeat.node)
      await commander.call(async (redis) => {
        const results = await redis
          .multi()
          .set(key, JSON.stringify(heartbeat), 'PX', HEARTBEAT_KEPT_MS)
          .sadd(NODES_KEY, heartbeat.node)
          .exec()
        const [[stored] = [], [listed] = []] = results ?? []
        if (stored) throw stored
        // A foreign key has the name of the index. It would make every heartbeat fail.
        if (listed && /WRONGTYPE/.test(listed.message))
          await redis.multi().del(NODES_KEY).sadd(NODES_KEY, heartbeat.node).exec()
        else if (listed) throw listed
      })
    },

    heartbeats: (maxAgeMs) => readHeartbeats(commander, problems, Date.now() - maxAgeMs),

    async reportUses(report) {
      const text = JSON.stringify(report)
      const store = () => commander.call((redis) => redis.hset(REPORTS_KEY, report.reporter, text))
      try {
        await store()
      } catch (error) {
        if (!/WRONGTYPE/.test((error as Error).message)) throw error
        await commander.call((redis) => redis.del(REPORTS_KEY)) // a foreign key with this name would make every report fail
        await store()
      }
    },

    useReports: () => readReports(commander, problems, Date.now() - REPORT_KEPT_MS),

    async close() {
      closed = true
      await Promise.all([commander, ...subscribers].map((connection) => connection.close()))
    },
  }
}

/** Reads in parts. A manifest of 20,000 lines, read at once, would hold up the event loop for some 10 ms. */
async function readManifest(commander: RedisConnection, key: string): Promise<Map<string, string>> {
  const manifest = new Map<string, string>()
  let cursor = '0'
  do {
    const [next, fields] = await commander.call((redis) => redis.hscan(key, cursor, 'COUNT', LINES_PER_READ))
    for (let at = 0; at < fields.length; at += 2) if (isCode(fields[at]!)) manifest.set(fields[at]!, fields[at + 1]!)
    cursor = next
  } while (cursor !== '0')
  return manifest
}

async function readDocuments(commander: RedisConnection, addresses: readonly Address[]): Promise<(string | null)[]> {
  const sealed: (string | null)[] = new Array(addresses.length).fill(null)
  const wanted = addresses.map((address, index) => ({ key: placeOf(address).key, index }))
  // Grouped by hash tag, because one command of a cluster cannot read from several nodes.
  const batches = [...Map.groupBy(wanted, ({ key }) => hashTagOf(key)).values()].flatMap(inBatches)
  const readBatches = async () => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      const keys = batch.map(({ key }) => key)
      const found = await commander.call((redis) => redis.readDocumentsBuffer(keys.length, ...keys))
      const unread = batch.filter((_, position) => found[position] === 0)
      if (unread.length > 0) batches.push(unread)
      batch.forEach(({ index }, position) => {
        const bytes = found[position]
        if (bytes) sealed[index] = textOf(bytes)
      })
    }
  }
  await Promise.all(Array.from({ length: READS_AT_ONCE }, readBatches))
  return sealed
}

/** `replace` names an unreadable document by its text. Bytes that are not UTF-8 are named by their placeholder. */
function textOf(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : placeholderOf(bytes)
}

function inBatches<T>(items: T[]): T[][] {
  const count = Math.ceil(items.length / DOCUMENTS_PER_READ)
  return Array.from({ length: count }, (_, i) => items.slice(i * DOCUMENTS_PER_READ, (i + 1) * DOCUMENTS_PER_READ))
}

/** Heartbeats since `oldest` (Unix milliseconds). Nodes without one are removed from the index; their next heartbeat adds them. */
async function readHeartbeats(commander: RedisConnection, problems: ProblemLog, oldest: number): Promise<Heartbeat[]> {
  const nodes = await commander
    .call((redis) => redis.smembers(NODES_KEY))
    .catch((error: Error) => {
      if (/WRONGTYPE/.test(error.message)) return [] // a foreign key: it counts as none, and the next heartbeat replaces it
      throw error
    })
  if (nodes.length === 0) return []
  const texts = await commander.call((redis) => redis.mget(nodes.map(heartbeatKey)))
  const expired = nodes.filter((_, index) => texts[index] === null)
  if (expired.length) await commander.call((redis) => redis.srem(NODES_KEY, ...expired))

  const heartbeats: Heartbeat[] = []
  for (const [index, node] of nodes.entries()) {
    const subject = `the heartbeat of node ${node.slice(0, 100)}`
    const text = texts[index]
    const heartbeat = text ? parseHeartbeat(text) : undefined
    if (text && !heartbeat) problems.report(subject, 'cannot be read')
    else problems.resolve(subject)
    if (heartbeat && heartbeat.at >= oldest) heartbeats.push(heartbeat)
  }
  return heartbeats
}

/** Reports whose newest day began after `oldest` (Unix milliseconds). Older ones, and what is no report, are removed. */
async function readReports(commander: RedisConnection, problems: ProblemLog, oldest: number): Promise<UseReport[]> {
  const texts = await commander
    .call((redis) => redis.hgetall(REPORTS_KEY))
    .catch((error: Error) => {
      if (/WRONGTYPE/.test(error.message)) return {} // a foreign key: the next report replaces it
      throw error
    })
  const reports: UseReport[] = []
  const useless: string[] = []
  for (const [reporter, text] of Object.entries(texts)) {
    const report = parseUseReport(text)
    if (!report) problems.report(`the report of uses of ${reporter.slice(0, 100)}`, 'cannot be read, and is removed')
    if (report && report.days[0]!.day >= oldest) reports.push(report)
    else useless.push(reporter)
  }
  if (useless.length > 0) await commander.call((redis) => redis.hdel(REPORTS_KEY, ...useless))
  return reports
}

/** The script compares numbers of at most 15 digits exactly. `parseStamp` accepts the same. */
function checkedStamp(stamp: Stamp): Stamp {
  if (parseStamp(formatStamp(stamp))) return stamp
  throw new RangeError(`Epoch and revision are integers from 0 to 15 digits, but this is ${formatStamp(stamp)}.`)
}
