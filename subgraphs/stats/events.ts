// What travels in the stream between accepting and folding: one compact JSON text per event, and one per batch of
// which something was refused, so that tallies too have a single writer.

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
  refused: { forged: number; future: number; expired: number }
  acceptedAt: number
}

export type StreamRecord = AcceptedEvent | RefusedEvents

/** What a payload of the stream says; undefined for what no version of this code has written. */
export function readRecord(payload: string): StreamRecord | undefined {
  let record: Partial<AcceptedEvent & RefusedEvents> | null
  try {
    record = JSON.parse(payload)
  } catch {
    return undefined // the caller tells: one such record must not hold up all others
  }
  if (typeof record?.app !== 'string' || !Number.isFinite(record.acceptedAt)) return undefined
  if (record.refused) return record as RefusedEvents
  const whole =
    [record.id, record.slot, record.creative].every((part) => typeof part === 'string') &&
    Number.isFinite(record.at) &&
    Object.hasOwn(COUNTERS, record.type ?? '')
  return whole ? (record as AcceptedEvent) : undefined
}
