// The records of the event stream, as JSON texts: one for each accepted event, and one for each batch in which events were
// refused. Refusals travel in the stream too, so that only the worker writes the tallies.

import { z } from 'zod'
import { MINUTE_MS } from '../../engine/time/days.ts'

/** Type of an event -> the counter of a rollup that it increments. */
export const COUNTERS = { IMPRESSION: 'impressions', CLICK: 'clicks', CONVERSION: 'conversions' } as const

export type EventType = keyof typeof COUNTERS

/** Times are milliseconds since the Unix epoch. `schedule` is null for a fallback creative. */
export type AcceptedEvent = {
  app: string
  /** The id of the event, chosen by the sender. */
  id: string
  type: EventType
  at: number
  slot: string
  schedule: string | null
  creative: string
  /** The event arrived more than 48 hours after it happened. */
  late?: true
  acceptedAt: number
}

/** How many events of a batch were refused, and why. */
export type RefusedEvents = {
  app: string
  /** The id of this record, so that a record that is read twice is counted once. Older versions wrote none. */
  id?: string | undefined
  refused: { forged: number; future: number; expired?: number | undefined }
  acceptedAt: number
}

export type StreamRecord = AcceptedEvent | RefusedEvents

/** Why a payload is not a record. Trying again does not help. */
export type InvalidRecord = { invalid: string }

/** How far an event may be ahead of our clock when it is accepted, in ms. The clocks of devices differ. */
export const FUTURE_MS = 5 * MINUTE_MS

/** In UTF-16 units. Every record that this code writes is shorter. */
const MAX_PAYLOAD = 16_384
/** The end of the year 9999, in ms since the Unix epoch. Later years are not supported. */
const LAST_MS = 253_402_300_799_999

const time = z.number().int().min(0).max(LAST_MS)
const code = z.string().regex(/^[a-z0-9._-]{1,64}$/)
// Not `|`: it separates the parts of a rollup's id.
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
 * Reads a payload of the stream. Another version of this code, or anybody who can reach the stream, may have written it. So
 * it is checked in full, and `invalid` says the first thing that is wrong.
 */
export function readRecord(payload: unknown): StreamRecord | InvalidRecord {
  if (typeof payload !== 'string') return { invalid: 'it is not text' }
  if (payload.length > MAX_PAYLOAD) return { invalid: `it is longer than ${MAX_PAYLOAD} characters` }
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return { invalid: 'it is not JSON' }
  }
  const isRefusal = typeof value === 'object' && value !== null && Object.hasOwn(value, 'refused')
  const { data, error } = (isRefusal ? refusedEvents : acceptedEvent).safeParse(value)
  if (data) return data as StreamRecord
  const { path, message } = error!.issues[0]!
  return { invalid: path.length > 0 ? `${path.join('.')}: ${message}` : message }
}
