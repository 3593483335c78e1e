// Folding, without any I/O: a batch of the stream, and what is known of its events, become increments of rollups and
// tallies. Each event counts once, in its own minute, hour and day.

import { floorTo, HOUR_MS, MINUTE_MS, startOfDay } from '../../common/time.ts'
import { type AcceptedEvent, COUNTERS, type StreamRecord } from './events.ts'

/** The same event id within this time, in milliseconds, is the same event. */
export const DUPLICATE_MS = 24 * HOUR_MS

/** The `schedule` of what was shown as a fallback. */
export const FALLBACK = 'fallback'

export type Unit = 'MINUTE' | 'HOUR' | 'DAY'
export type Counts = { impressions: number; clicks: number; conversions: number }

/** What is counted for one creative in one place and period; `at` is its beginning, ms since the Unix epoch. */
export type RollupKey = { app: string; unit: Unit; at: number; slot: string; schedule: string; creative: string }
export type RollupIncrement = RollupKey & Counts

/**
 * Per app and day of acceptance. `accepted` = all that reached the stream, of which `duplicate` and `unknown` (their app is
 * not here) are not counted and `late` are; `forged`, `future` and `expired` were refused.
 */
export type Tally = {
  accepted: number
  duplicate: number
  late: number
  forged: number
  future: number
  expired: number
  unknown: number
}
export type TallyIncrement = { app: string; at: number } & Tally

export type Folded = {
  rollups: RollupIncrement[]
  tallies: TallyIncrement[]
  /** seen key -> when the event that counted was accepted. */
  counted: Map<string, number>
}

/** What is known before: the zone of each app, and when the ids that were seen before were accepted, by `seenKey`. */
export type Known = { zones: ReadonlyMap<string, string>; seen: ReadonlyMap<string, number> }

export const seenKey = (event: AcceptedEvent) => `${event.app}|${event.id}`

export function fold(records: readonly StreamRecord[], { zones, seen }: Known): Folded {
  const rollups = new Map<string, RollupIncrement>()
  const tallies = new Map<string, TallyIncrement>()
  const counted = new Map<string, number>()

  for (const record of records) {
    const zone = zones.get(record.app)
    const tally = tallyOf(tallies, record, zone)
    if ('refused' in record) {
      tally.forged += record.refused.forged
      tally.future += record.refused.future
      tally.expired += record.refused.expired ?? 0 // not in what older code wrote
      continue
    }
    tally.accepted++
    const key = seenKey(record)
    const before = counted.get(key) ?? seen.get(key)
    if (zone === undefined) tally.unknown++
    else if (before !== undefined && record.acceptedAt - before < DUPLICATE_MS) tally.duplicate++
    else {
      if (record.late) tally.late++
      counted.set(key, record.acceptedAt)
      count(rollups, record, zone)
    }
  }
  return { rollups: [...rollups.values()], tallies: [...tallies.values()], counted }
}

function count(rollups: Map<string, RollupIncrement>, event: AcceptedEvent, zone: string): void {
  const counter = COUNTERS[event.type]
  rollupOf(rollups, event, 'MINUTE', floorTo(event.at, MINUTE_MS))[counter]++
  rollupOf(rollups, event, 'HOUR', floorTo(event.at, HOUR_MS))[counter]++
  rollupOf(rollups, event, 'DAY', startOfDay(event.at, zone))[counter]++
}

function rollupOf(rollups: Map<string, RollupIncrement>, event: AcceptedEvent, unit: Unit, at: number) {
  const { app, slot, creative } = event
  const key: RollupKey = { app, unit, at, slot, schedule: event.schedule ?? FALLBACK, creative }
  const id = rollupId(key)
  const rollup = rollups.get(id) ?? { ...key, impressions: 0, clicks: 0, conversions: 0 }
  rollups.set(id, rollup)
  return rollup
}

/** The same for the same key, always: the id of its document. */
export function rollupId({ app, unit, at, slot, schedule, creative }: RollupKey): string {
  return `${app}|${unit}|${at}|${slot}|${schedule}|${creative}`
}

function tallyOf(tallies: Map<string, TallyIncrement>, record: StreamRecord, zone: string | undefined) {
  const at = startOfDay(record.acceptedAt, zone ?? 'UTC')
  const id = `${record.app}|${at}`
  const none = { app: record.app, at, accepted: 0, duplicate: 0, late: 0, forged: 0, future: 0, expired: 0, unknown: 0 }
  const tally = tallies.get(id) ?? none
  tallies.set(id, tally)
  return tally
}
