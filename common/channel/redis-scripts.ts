// What must happen in Redis in one step. ioredis sends a script by its hash, and in full where it is unknown.

import { createHash } from 'node:crypto'
import type { Redis, Result } from 'ioredis'

/** The longest document that is read, in bytes: a publication has at most half of it. */
const MAX_DOCUMENT = 4 * 1024 * 1024

declare module 'ioredis' {
  interface RedisCommander<Context> {
    /** As MGET, but for a document that is too long there is only a stand-in. */
    readDocumentsBuffer(numberOfKeys: number, ...documentKeys: string[]): Result<(Buffer | null)[], Context>
    /** 1 = written, 0 = the same or a higher one is there. */
    writeIfHigher(
      documentKey: string,
      stampsKey: string,
      field: string,
      epoch: number,
      revision: number,
      sealed: string,
    ): Result<number, Context>
    /** 1 = written, 0 = something else is there now. */
    replaceUnreadable(
      documentKey: string,
      stampsKey: string,
      field: string,
      stamp: string,
      unreadable: string,
      sealed: string,
    ): Result<number, Context>
  }
}

const STAND_IN_BYTES = 1024

/** What `readDocuments` would give for these bytes if they were too long. */
export function standInOf(bytes: Buffer): string {
  const beginning = createHash('sha1').update(bytes.subarray(0, STAND_IN_BYTES)).digest('hex')
  return `unreadable ${bytes.length} ${beginning}`
}

// Somebody else's key where a manifest belongs would forbid every write.
const DROP_WRONG_TYPE = `
  local type = redis.call('TYPE', KEYS[2]).ok
  if type ~= 'hash' and type ~= 'none' then redis.call('DEL', KEYS[2]) end`

// Both halves of a stamp have at most 15 digits, which Lua's numbers (doubles) hold exactly; as one decimal
// number 1.10 would equal 1.1. A stamp counts only while its document is there: what was evicted can be written
// again, even lower, and the stamp follows it, since a stamp without its document would forbid all healing.
const WRITE_IF_HIGHER = `${DROP_WRONG_TYPE}
  local held = redis.call('HGET', KEYS[2], ARGV[1])
  if held and redis.call('TYPE', KEYS[1]).ok == 'string' then
    local epoch, revision = string.match(held, '^(%d+)%.(%d+)$')
    if epoch then
      local epochs = tonumber(ARGV[2]) - tonumber(epoch)
      local revisions = tonumber(ARGV[3]) - tonumber(revision)
      if epochs < 0 or (epochs == 0 and revisions <= 0) then return 0 end
    end
  end
  redis.call('SET', KEYS[1], ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. '.' .. ARGV[3])
  return 1`

// What is in the place of a document and cannot even be read as text; nobody can take it for a document. `standInOf` says the same.
const STAND_IN = `
  local function standIn(key)
    return 'unreadable ' .. redis.call('STRLEN', key) .. ' ' .. redis.sha1hex(redis.call('GETRANGE', key, 0, ${STAND_IN_BYTES - 1}))
  end`

// Whatever lies there, no more of it is sent: one text of 500 MB would cost every node as much.
const READ_DOCUMENTS = `${STAND_IN}
  local found = {}
  for i, key in ipairs(KEYS) do
    if redis.call('TYPE', key).ok ~= 'string' then found[i] = false
    elseif redis.call('STRLEN', key) > ${MAX_DOCUMENT} then found[i] = standIn(key)
    else found[i] = redis.call('GET', key) end
  end
  return found`

const REPLACE_UNREADABLE = `${STAND_IN}
  ${DROP_WRONG_TYPE}
  local held = redis.call('STRLEN', KEYS[1]) <= ${MAX_DOCUMENT} and redis.call('GET', KEYS[1])
  if held ~= ARGV[3] and standIn(KEYS[1]) ~= ARGV[3] then return 0 end
  redis.call('SET', KEYS[1], ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  return 1`

export function defineScripts(redis: Redis): void {
  redis.defineCommand('readDocuments', { lua: READ_DOCUMENTS })
  redis.defineCommand('writeIfHigher', { lua: WRITE_IF_HIGHER, numberOfKeys: 2 })
  redis.defineCommand('replaceUnreadable', { lua: REPLACE_UNREADABLE, numberOfKeys: 2 })
}
