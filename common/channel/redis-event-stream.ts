// The event stream as a Redis Stream, without a maximum length: accepted events are never dropped for new ones. How many of them
// survive a crash depends on the configuration of Redis (appendonly, replicas).
//
// A position names the stream that it belongs to:
//
//     <born>.<history>/<id>        4f1c...e2.26e40b1e...c16122956/1795791944855-0
//
// born: names the stream. It is the name of a consumer group that is made together with the stream. Nobody reads through this
//   group, but it lives and dies with the key: FLUSHALL, DEL and an eviction remove both.
// history: the replication id of Redis. It changes with every start and every failover, and when the stream moves to another primary of a
//   cluster. Redis may then have lost its last writes, or be a backup, and may give ids that it has given before.
//
// A position with another born or history, or beyond the last id, counts as the beginning: the whole stream is read again. The
// ids of the events show which of them were folded before.

import { randomUUID } from 'node:crypto'
import type { Result } from 'ioredis'
import { type ChannelLog, ChannelUnavailable } from './channel.ts'
import type { EventStream } from './event-stream.ts'
import { EVENTS_KEY } from './keys.ts'
import { openRedis } from './redis-client.ts'
import type { RedisConfigCheck } from './redis-config-check.ts'
import type { PrepareServer, RedisCommands } from './redis-connection.ts'
import { parseRedisUrl } from './redis-url.ts'

const FIRST_CONNECTION_MS = 5_000
/** A longer event is cut when it is read. */
const MAX_EVENT_BYTES = 20_000
const MAX_READ_BYTES = 4 * 1024 * 1024
/** How long batches may wait for Redis, in ms, before further ones are refused. Less than the deadline of a call. */
const MAX_WAIT_MS = 1_000
/** How many events may wait for Redis: about 30 MB, and more than Redis takes in a second. */
const MAX_WAITING = 100_000
const LAST_SEQUENCE = 2n ** 64n - 1n

/**
 * Calls reject as those of the channel do: with ChannelUnavailable, within about two seconds. `append` also rejects at once while too
 * many events wait for Redis.
 */
export async function connectRedisEventStream(options: {
  url: string
  log?: ChannelLog
  /** Started on each connect. */
  configCheck?: RedisConfigCheck | undefined
}): Promise<EventStream> {
  const { url, log = () => {}, configCheck } = options
  const target = parseRedisUrl(url)
  const prepare: PrepareServer = async (redis, name) => configCheck?.start(redis, name)
  const connection = await openRedis({ target, log, timeoutMs: FIRST_CONNECTION_MS, prepare })
  connection.defineScripts(defineEventScripts)
  const limitWaiting = createWaitingLimit()

  return {
    async append(batch) {
      if (batch.length === 0) return
      await limitWaiting(batch.length, () =>
        connection.call((redis) => redis.appendEvents(EVENTS_KEY, randomUUID(), ...batch)),
      )
    },

    async read(after, limit) {
      const { incarnation, id } = parsePosition(after)
      const [now, entries] = await connection.call((redis) =>
        redis.readEvents(EVENTS_KEY, incarnation, id, limit, MAX_EVENT_BYTES, MAX_READ_BYTES),
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

/**
 * Refuses a batch at once while Redis does not keep up. Without this, a Redis that is slower than the events arrive would have an ever
 * longer queue. Every batch in it would be appended, but after its deadline: each would be sent again, and nothing would be
 * acknowledged any more.
 */
function createWaitingLimit(): <T>(events: number, append: () => Promise<T>) => Promise<T> {
  /** In the order in which they came, which is also the order in which Redis answers. */
  const waiting = new Set<{ since: number }>()
  let events = 0
  return async (count, append) => {
    const now = performance.now()
    const [oldest] = waiting
    if (oldest && (now - oldest.since > MAX_WAIT_MS || events + count > MAX_WAITING)) {
      throw new ChannelUnavailable('Redis does not keep up: too many events wait for it')
    }
    const entry = { since: now }
    waiting.add(entry)
    events += count
    try {
      return await append()
    } finally {
      waiting.delete(entry)
      events -= count
    }
  }
}

/** Any other text, such as a position of an earlier version, has an incarnation that no stream has. */
function parsePosition(position: string | null): { incarnation: string; id: string } {
  const parts = /^([^/]*)\/(\d{1,20}-\d{1,20})$/.exec(position ?? '')
  return { incarnation: parts?.[1] ?? '', id: parts?.[2] ?? '0-0' }
}

function idAfter(id: string): string {
  const [milliseconds, sequence] = id.split('-').map(BigInt) as [bigint, bigint]
  return sequence < LAST_SEQUENCE ? `${milliseconds}-${sequence + 1n}` : `${milliseconds + 1n}-0`
}

declare module 'ioredis' {
  interface RedisCommander<Context> {
    appendEvents(streamKey: string, born: string, ...payloads: string[]): Result<number, Context>
    readEvents(
      streamKey: string,
      incarnation: string,
      after: string,
      limit: number,
      longestBytes: number,
      mostBytes: number,
    ): Result<[incarnation: string, entries: [id: string, payload: string][]], Context>
    /** How many were forgotten. */
    trimEvents(streamKey: string, incarnation: string, upTo: string, firstKept: string): Result<number, Context>
  }
}

const HELPERS = `
  local key = KEYS[1]
  local type_of_key = redis.call('TYPE', key).ok

  local function born()
    if type_of_key ~= 'stream' then return nil end
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      local name = string.match(group[2], '^incarnation:(.+)$')
      if name then return name end
    end
  end

  local function incarnation()
    local info = redis.pcall('INFO', 'replication') -- may be forbidden
    local history = type(info) == 'string' and string.match(info, 'master_replid:(%x+)')
    return (born() or '') .. '.' .. (history or '')
  end

  -- Numbers of an id have up to 20 digits, more than a double can hold. So they are compared as texts.
  local function less(a, b)
    if #a ~= #b then return #a < #b end
    return a < b
  end

  local function is_beyond_last(id)
    local info = redis.call('XINFO', 'STREAM', key)
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then
        local last_ms, last_seq = string.match(info[i + 1], '^(%d+)-(%d+)$')
        local ms, seq = string.match(id, '^(%d+)-(%d+)$')
        return less(last_ms, ms) or (last_ms == ms and less(last_seq, seq))
      end
    end
  end

  local function is_position(of, id)
    return type_of_key == 'stream' and of == incarnation() and not is_beyond_last(id)
  end

  -- The last id that Redis has. The stream takes no entry after it, and Redis cannot name what comes after it.
  local last_of_all = '18446744073709551615-18446744073709551615'`

// The script appends all events or none: Redis refuses only the first write of a script when it is out of memory. MULTI would do
// the same, but takes twice the time and ten times the work in this process. A foreign key of this name is deleted, because it
// would make every append fail.
const APPEND_EVENTS = `${HELPERS}
  if type_of_key ~= 'stream' and type_of_key ~= 'none' then redis.call('DEL', key) end
  if not born() then redis.call('XGROUP', 'CREATE', key, 'incarnation:' .. ARGV[1], '0', 'MKSTREAM') end
  for i = 2, #ARGV do redis.call('XADD', key, '*', 'e', ARGV[i]) end
  return #ARGV - 1`

// Reads in pages, so that foreign entries cannot make an answer of unlimited size. A payload that is too long is cut.
const READ_EVENTS = `${HELPERS}
  local limit, longest, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local entries, bytes = {}, 0
  local after = is_position(ARGV[1], ARGV[2]) and ARGV[2] or nil
  while type_of_key == 'stream' and after ~= last_of_all and #entries < limit and bytes < most do
    local from = after and '(' .. after or '-'
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', math.min(100, limit - #entries))
    if #page == 0 then break end
    for _, entry in ipairs(page) do
      local payload = string.sub(entry[2][2], 1, longest)
      bytes = bytes + #payload
      entries[#entries + 1] = { entry[1], payload }
    end
    after = page[#page][1]
  end
  return { incarnation(), entries }`

// Trims exactly, not about (~), so that the length of the stream is the number of events that are not folded yet.
const TRIM_EVENTS = `${HELPERS}
  if not is_position(ARGV[1], ARGV[2]) then return 0 end
  -- Such a stream takes no more entries, and all of them were read: the next append makes a new stream.
  if ARGV[2] == last_of_all then
    local length = redis.call('XLEN', key)
    redis.call('DEL', key)
    return length
  end
  return redis.call('XTRIM', key, 'MINID', '=', ARGV[3])`

function defineEventScripts(redis: RedisCommands): void {
  redis.defineCommand('appendEvents', { lua: APPEND_EVENTS, numberOfKeys: 1 })
  redis.defineCommand('readEvents', { lua: READ_EVENTS, numberOfKeys: 1 })
  redis.defineCommand('trimEvents', { lua: TRIM_EVENTS, numberOfKeys: 1 })
}
