// The Lua scripts for documents. A document and its stamp must change in one step. ioredis sends a script by its hash, and in full
// when Redis does not know it yet.

import { createHash } from 'node:crypto'
import type { Result } from 'ioredis'
import type { RedisCommands } from './redis-connection.ts'

/** The longest document that is read. A publication has at most half of it. */
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
/** A command reads no further documents once it has this many bytes. So a slow network manages it in time. */
const MAX_READ_BYTES = 2 * 1024 * 1024

declare module 'ioredis' {
  interface RedisCommander<Context> {
    /**
     * As MGET, with two differences. A document that is too long is answered by its placeholder. The answer 0 means: ask for
     * this one again, because the command has read enough. The first document is always read.
     */
    readDocumentsBuffer(numberOfKeys: number, ...documentKeys: string[]): Result<(Buffer | null | 0)[], Context>
    /** 1: written. 0: the same or a higher one is there. */
    writeIfHigher(
      documentKey: string,
      stampsKey: string,
      field: string,
      epoch: number,
      revision: number,
      sealed: string,
    ): Result<number, Context>
    /** 1: written. 0: something else is there now. */
    replaceUnreadable(
      documentKey: string,
      stampsKey: string,
      field: string,
      stamp: string,
      unreadable: string,
      sealed: string,
    ): Result<number, Context>
    /** `unreadable` empty: there must be no document. 1: removed. 0: something else is there. */
    removeUnreadable(documentKey: string, stampsKey: string, field: string, unreadable: string): Result<number, Context>
  }
}

const PLACEHOLDER_BYTES = 1024

/**
 * A text in place of bytes that cannot be read as a document: too long, or not UTF-8. It has their length and the SHA-1 of their
 * beginning, as in `unreadable 5000000 2fd4e1...`. The scripts make the same text for the same bytes.
 */
export function placeholderOf(bytes: Buffer): string {
  const beginning = createHash('sha1').update(bytes.subarray(0, PLACEHOLDER_BYTES)).digest('hex')
  return `unreadable ${bytes.length} ${beginning}`
}

// A foreign key with the name of a manifest would make every write fail. It is deleted.
const DROP_WRONG_TYPE = `
  local type = redis.call('TYPE', KEYS[2]).ok
  if type ~= 'hash' and type ~= 'none' then redis.call('DEL', KEYS[2]) end`

// Epoch and revision are compared one by one: as decimal numbers, 1.10 would equal 1.1. Each has at most 15 digits, which a
// number of Lua (a double) holds exactly. A stamp counts only while its document is there. An evicted document can be written
// again, even with a lower stamp; otherwise the stamp that is left would forbid it.
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

// The same as `placeholderOf`.
const PLACEHOLDER = `
  local function placeholder(key)
    return 'unreadable ' .. redis.call('STRLEN', key) .. ' ' .. redis.sha1hex(redis.call('GETRANGE', key, 0, ${PLACEHOLDER_BYTES - 1}))
  end`

// A value that is too long is not sent: every node would read it, 500 MB of it for example.
const READ_DOCUMENTS = `${PLACEHOLDER}
  local found = {}
  local bytes = 0
  for i, key in ipairs(KEYS) do
    if redis.call('TYPE', key).ok ~= 'string' then found[i] = false
    elseif redis.call('STRLEN', key) > ${MAX_DOCUMENT_BYTES} then found[i] = placeholder(key)
    elseif bytes > ${MAX_READ_BYTES} then found[i] = 0
    else
      found[i] = redis.call('GET', key)
      bytes = bytes + #found[i]
    end
  end
  return found`

const REPLACE_UNREADABLE = `${PLACEHOLDER}
  ${DROP_WRONG_TYPE}
  local held = redis.call('STRLEN', KEYS[1]) <= ${MAX_DOCUMENT_BYTES} and redis.call('GET', KEYS[1])
  if held ~= ARGV[3] and placeholder(KEYS[1]) ~= ARGV[3] then return 0 end
  redis.call('SET', KEYS[1], ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  return 1`

const REMOVE_UNREADABLE = `${PLACEHOLDER}
  ${DROP_WRONG_TYPE}
  if redis.call('TYPE', KEYS[1]).ok == 'string' then
    if ARGV[2] == '' and redis.call('STRLEN', KEYS[1]) > 0 then return 0 end
    local held = redis.call('STRLEN', KEYS[1]) <= ${MAX_DOCUMENT_BYTES} and redis.call('GET', KEYS[1])
    if held ~= ARGV[2] and placeholder(KEYS[1]) ~= ARGV[2] then return 0 end
    redis.call('DEL', KEYS[1])
  end
  redis.call('HDEL', KEYS[2], ARGV[1])
  return 1`

export function defineScripts(redis: RedisCommands): void {
  redis.defineCommand('readDocuments', { lua: READ_DOCUMENTS })
  redis.defineCommand('writeIfHigher', { lua: WRITE_IF_HIGHER, numberOfKeys: 2 })
  redis.defineCommand('replaceUnreadable', { lua: REPLACE_UNREADABLE, numberOfKeys: 2 })
  redis.defineCommand('removeUnreadable', { lua: REMOVE_UNREADABLE, numberOfKeys: 2 })
}
