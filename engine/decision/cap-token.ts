// The token in which a client keeps what its user was served, and sends it with the next request. It is opaque to
// clients, of one user, and at most 2 KB. It is not signed: a cap is courtesy, and whoever forges a token misses what they
// were to see. So it is read strictly, and nothing in it is believed beyond that.
//
// Version 1, as base64url: a byte 1; the owner (6 bytes); then counters of 13 bytes, the one counted last at the end: id
// (6), end of the period in minutes since the Unix epoch (4; all ones: never), times (3). Numbers are big-endian. The end
// says which period is counted: for one day in Berlin, 1 May 2026, it is 2026-05-01T22:00Z.

import { MINUTE_MS } from '../time/days.ts'
import { type CapCounter, type CapCounters, type CapPeriods, hash48, MAX_PERIOD_MS, MAX_TIMES } from './caps.ts'

/** In characters. */
export const MAX_TOKEN = 2048

/** `missing`: there was none. `malformed` and `foreign` (another user's) ones are ignored: nothing was seen. */
export type CapTokenOutcome = 'missing' | 'read' | 'malformed' | 'foreign'

const VERSION = 1
const HEAD_BYTES = 7
const COUNTER_BYTES = 13
const MAX_COUNTERS = Math.floor(((MAX_TOKEN * 3) / 4 - HEAD_BYTES) / COUNTER_BYTES)
const NEVER = 0xffff_ffff

/**
 * @param key the user's, else the device's.
 * @param now in ms since the Unix epoch: what has ended by then is left out.
 * @param periods of the zone of the app.
 */
export function readCapToken(
  text: string | null | undefined,
  key: string,
  now: number,
  periods: CapPeriods,
): { counters: CapCounters; outcome: CapTokenOutcome } {
  const owner = hash48(key)
  const nothing = (outcome: CapTokenOutcome) => ({ counters: { owner, byId: new Map(), periods }, outcome })
  if (!text) return nothing('missing')
  const bytes = text.length <= MAX_TOKEN ? Buffer.from(text, 'base64url') : Buffer.alloc(0)
  // Decoding skips what is not base64url: only what was written to the letter is a token.
  if (bytes.toString('base64url') !== text || bytes[0] !== VERSION) return nothing('malformed')
  if (bytes.length < HEAD_BYTES || (bytes.length - HEAD_BYTES) % COUNTER_BYTES !== 0) return nothing('malformed')
  if (bytes.readUIntBE(1, 6) !== owner) return nothing('foreign')
  const byId = readCounters(bytes, now)
  return byId ? { counters: { owner, byId, periods }, outcome: 'read' } : nothing('malformed')
}

/** Of more counters than there is room for, those counted longest ago go first. */
export function writeCapToken({ owner, byId }: CapCounters, now: number): string {
  const live = [...byId].filter(([, { endsAt }]) => endsAt > now).slice(-MAX_COUNTERS)
  const bytes = Buffer.alloc(HEAD_BYTES + live.length * COUNTER_BYTES)
  bytes[0] = VERSION
  bytes.writeUIntBE(owner, 1, 6)
  for (const [index, [id, { endsAt, times }]] of live.entries()) {
    const at = HEAD_BYTES + index * COUNTER_BYTES
    bytes.writeUIntBE(id, at, 6)
    // Before 1972 a few zones were not whole minutes away from UTC.
    bytes.writeUInt32BE(endsAt === Number.POSITIVE_INFINITY ? NEVER : Math.ceil(endsAt / MINUTE_MS), at + 6)
    bytes.writeUIntBE(times, at + 10, 3)
  }
  return bytes.toString('base64url')
}

/** Undefined when a counter cannot be, or is there twice. */
function readCounters(bytes: Buffer, now: number): Map<number, CapCounter> | undefined {
  const byId = new Map<number, CapCounter>()
  for (let at = HEAD_BYTES; at < bytes.length; at += COUNTER_BYTES) {
    const id = bytes.readUIntBE(at, 6)
    const minutes = bytes.readUInt32BE(at + 6)
    const times = bytes.readUIntBE(at + 10, 3)
    if (times < 1 || times > MAX_TIMES || byId.has(id)) return undefined
    byId.set(id, { endsAt: minutes === NEVER ? Number.POSITIVE_INFINITY : minutes * MINUTE_MS, times })
  }
  for (const [id, { endsAt }] of byId) if (!isBelievable(endsAt, now)) byId.delete(id)
  return byId
}

/** Whether it is still to come, and no later than the period after the one that holds can end. */
function isBelievable(endsAt: number, now: number): boolean {
  return endsAt > now && (endsAt === Number.POSITIVE_INFINITY || endsAt <= now + 2 * MAX_PERIOD_MS)
}
