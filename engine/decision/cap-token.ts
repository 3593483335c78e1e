// The cap token: a client keeps in it what its user was served, and sends it with the next request. Clients do not look into it. It
// belongs to one user and has at most 2 KB. It is not signed: someone who forges a token only changes what they see
// themselves. It is parsed strictly, and implausible counters are dropped.
//
// Format of version 1, base64url, numbers big-endian:
//
//     bytes  content
//     1      the version, 1
//     6      the owner: hash48 of the user's key
//     13     for each counter, the one counted last at the end:
//              6  the id of the cap
//              4  the end of its period, in minutes since the Unix epoch; 0xffffffff: never
//              3  how many times
//
// The end tells which period is counted. Example: for 1 May 2026 in Berlin it is 2026-05-01T22:00Z, minute 29,627,880.

import { MINUTE_MS } from '../time/days.ts'
import { type CapCounter, type CapCounters, type CapPeriods, hash48, MAX_PERIOD_MS, MAX_TIMES } from './caps.ts'

/** In characters. */
export const MAX_TOKEN = 2048

/** `malformed` and `foreign` (another user's) tokens are ignored, as if there was none. */
export type CapTokenOutcome = 'missing' | 'read' | 'malformed' | 'foreign'

const VERSION = 1
const HEAD_BYTES = 7
const COUNTER_BYTES = 13
const MAX_COUNTERS = Math.floor(((MAX_TOKEN * 3) / 4 - HEAD_BYTES) / COUNTER_BYTES)
const NEVER = 0xffff_ffff

/**
 * @param key the user id, else the device id.
 * @param now in ms since the Unix epoch. Counters that have ended by then are left out.
 * @param periods of the app's zone.
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
  // Decoding skips characters that are not base64url. Only the exact text that encoding produces is a token.
  if (bytes.toString('base64url') !== text || bytes[0] !== VERSION) return nothing('malformed')
  if (bytes.length < HEAD_BYTES || (bytes.length - HEAD_BYTES) % COUNTER_BYTES !== 0) return nothing('malformed')
  if (bytes.readUIntBE(1, 6) !== owner) return nothing('foreign')
  const byId = readCounters(bytes, now)
  return byId ? { counters: { owner, byId, periods }, outcome: 'read' } : nothing('malformed')
}

/** When there are more counters than fit, those counted longest ago are left out. */
export function writeCapToken({ owner, byId }: CapCounters, now: number): string {
  const live = [...byId].filter(([, { endsAt }]) => endsAt > now).slice(-MAX_COUNTERS)
  const bytes = Buffer.alloc(HEAD_BYTES + live.length * COUNTER_BYTES)
  bytes[0] = VERSION
  bytes.writeUIntBE(owner, 1, 6)
  for (const [index, [id, { endsAt, times }]] of live.entries()) {
    const at = HEAD_BYTES + index * COUNTER_BYTES
    bytes.writeUIntBE(id, at, 6)
    // Rounded up: before 1972, a few zones had offsets with seconds.
    bytes.writeUInt32BE(endsAt === Number.POSITIVE_INFINITY ? NEVER : Math.ceil(endsAt / MINUTE_MS), at + 6)
    bytes.writeUIntBE(times, at + 10, 3)
  }
  return bytes.toString('base64url')
}

/** Undefined: a counter is impossible or repeated, so the token is malformed. */
function readCounters(bytes: Buffer, now: number): Map<number, CapCounter> | undefined {
  const byId = new Map<number, CapCounter>()
  for (let at = HEAD_BYTES; at < bytes.length; at += COUNTER_BYTES) {
    const id = bytes.readUIntBE(at, 6)
    const minutes = bytes.readUInt32BE(at + 6)
    const times = bytes.readUIntBE(at + 10, 3)
    if (times < 1 || times > MAX_TIMES || byId.has(id)) return undefined
    byId.set(id, { endsAt: minutes === NEVER ? Number.POSITIVE_INFINITY : minutes * MINUTE_MS, times })
  }
  for (const [id, { endsAt }] of byId) if (!isPlausible(endsAt, now)) byId.delete(id)
  return byId
}

/** Whether the end is in the future, and not after the latest possible end of the next period. */
function isPlausible(endsAt: number, now: number): boolean {
  return endsAt > now && (endsAt === Number.POSITIVE_INFINITY || endsAt <= now + 2 * MAX_PERIOD_MS)
}
