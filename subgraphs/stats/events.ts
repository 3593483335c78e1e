// What travels in the stream between accepting and folding: one compact JSON text per event, and one per batch of
// which something was refused, so that tallies too have a single writer.

import { z } from 'zod'
import { MINUTE_MS } from '../../engine/time/days.ts'

/** What happened -> what of a rollup it counts. */
export const COUNTERS = { IMPRESSION: 'impressions', CLICK: 'clicks', CONVERSION: 'conversions' } as const

export type EventType = keyof typeof COUNTERS

/** Times are milliseconds since the Unix epoch. `schedule` is null for a fallback creative. */
export type AcceptedEvent = {
  app: string
  /** Of the event. */
  id: string
  type: EventType
  at: number
  slot: string
  schedule: string | null
  creative: string
  /** It reached us long after it happened. */
  late?: true
  acceptedAt: number
}

/** How many events of a batch were refused, and why. */
export type RefusedEvents = {
  app: string
  /** Of this record, so that one which is read twice is tallied once. Missing in what older code wrote. */
  id?: string | undefined
  refused: { forged: number; future: number; expired?: number | undefined }
  acceptedAt: number
}

export type StreamRecord = AcceptedEvent | RefusedEvents

/** Why a payload cannot be folded, now or at any later time. */
export type Unreadable = { unreadable: string }

/** An event may lie so far in the future of its acceptance, in ms: clocks differ. */
export const FUTURE_MS = 5 * MINUTE_MS

/** More than any record that is written here has, in UTF-16 units. */
const MAX_PAYLOAD = 16_384
/** The last year that every calendar here takes: 9999. */
const LAST_MS = 253_402_300_799_999

const time = z.number().int().min(0).max(LAST_MS)
const code = z.string().regex(/^[a-z0-9._-]{1,64}$/)
// Without `|`, which separates the parts of a rollup's id.
const id = z.string().regex(/^[\w.:@-]{1,100}$/)
const count = z.number().int().min(0).max(1_000_000)

const acceptedEvent = z
  .object({
    app: code,
    id,
    type: z.enum(Object.keys(COUNTERS) as EventType[]),
    at: time,
    slot: id,
    schedule: id.nullable(),
    creative: id,
    late: z.literal(true).optional(),
    acceptedAt: time,
  })
  .refine(({ at, acceptedAt }) => at <= acceptedAt + FUTURE_MS, { path: ['at'], message: 'is after acceptedAt' })

const refusedEvents = z.object({
  app: code,
  id: id.optional(),
  refused: z.object({ forged: count, future: count, expired: count.optional() }),
  acceptedAt: time,
})

/**
 * What a payload of the stream says. Anybody who reaches the stream can write to it, and so can another version of this code:
 * what is not exactly a record is unreadable, with the first thing that is wrong with it.
 */
export function readRecord(payload: unknown): StreamRecord | Unreadable {
  if (typeof payload !== 'string') return { unreadable: 'it is not text' }
  if (payload.length > MAX_PAYLOAD) return { unreadable: `it is longer than ${MAX_PAYLOAD} characters` }
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return { unreadable: 'it is not JSON' }
  }
  const isRefusal = typeof value === 'object' && value !== null && Object.hasOwn(value, 'refused')
  const { data, error } = (isRefusal ? refusedEvents : acceptedEvent).safeParse(value)
  if (data) return data as StreamRecord
  const { path, message } = error!.issues[0]!
  return { unreadable: path.length > 0 ? `${path.join('.')}: ${message}` : message }
}
