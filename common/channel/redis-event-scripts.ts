// What the event stream does in Redis in one step. A position names what it is a position of:
//
//     <born>.<history>/<id>        4f1c...e2.26e40b1e...c16122956/1795791944855-0
//
// born: the stream as a key. It is the name of a consumer group that is made with the stream, so that it lives and dies with
// the key: a FLUSHALL, a DEL and an eviction take both. Nobody reads through that group.
// history: Redis's replication id. It is another one after every start and every failover. Then Redis may have lost its last
// writes, or be a backup, and may give ids again that it has given before.
//
// A position of another birth or history, or one that is beyond the last id, is before everything: the stream is read from its
// beginning. What of it was folded before is known by the ids of the events.

import type { Redis, Result } from 'ioredis'

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

  -- Numbers of an id have up to 20 digits, more than a double holds: they are compared as texts.
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
  end`

// All or nothing: Redis refuses the first write when it is out of memory, and none once a script has written. MULTI would do
// the same at twice the time and ten times this process's work, a command object per event. Somebody else's key in this place
// would forbid every append.
const APPEND_EVENTS = `${HELPERS}
  if type_of_key ~= 'stream' and type_of_key ~= 'none' then redis.call('DEL', key) end
  if not born() then redis.call('XGROUP', 'CREATE', key, 'incarnation:' .. ARGV[1], '0', 'MKSTREAM') end
  for i = 2, #ARGV do redis.call('XADD', key, '*', 'e', ARGV[i]) end
  return #ARGV - 1`

// In pages, so that what somebody else put there cannot make an answer of any size. A payload that is too long is cut.
const READ_EVENTS = `${HELPERS}
  local limit, longest, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local entries, bytes = {}, 0
  local from = is_position(ARGV[1], ARGV[2]) and '(' .. ARGV[2] or '-'
  while type_of_key == 'stream' and #entries < limit and bytes < most do
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', math.min(100, limit - #entries))
    if #page == 0 then break end
    for _, entry in ipairs(page) do
      local payload = string.sub(entry[2][2], 1, longest)
      bytes = bytes + #payload
      entries[#entries + 1] = { entry[1], payload }
    end
    from = '(' .. page[#page][1]
  end
  return { incarnation(), entries }`

// Exactly, not "about" (~): what the length says is what is still to be folded.
const TRIM_EVENTS = `${HELPERS}
  if not is_position(ARGV[1], ARGV[2]) then return 0 end
  return redis.call('XTRIM', key, 'MINID', '=', ARGV[3])`

export function defineEventScripts(redis: Redis): void {
  redis.defineCommand('appendEvents', { lua: APPEND_EVENTS, numberOfKeys: 1 })
  redis.defineCommand('readEvents', { lua: READ_EVENTS, numberOfKeys: 1 })
  redis.defineCommand('trimEvents', { lua: TRIM_EVENTS, numberOfKeys: 1 })
}
