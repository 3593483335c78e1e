// Folding, without any I/O: a batch of the stream, and what is known of its events, become increments of rollups and
// tallies. Each event counts once, in its own minute, hour and day.

import { HOUR_MS } from '../../engine/time/days.ts'
import { type PeriodUnit, periodAt } from '../../engine/time/periods.ts'
import { type Clock, clockOf } from '../../engine/time/wall-clock.ts'
import { type AcceptedEvent, COUNTERS, type StreamRecord } from './events.ts'

/** The same event id within this time, in milliseconds, is the same event. */
export const DUPLICATE_MS = 24 * HOUR_MS

/** The `schedule` of what was shown as a fallback. */
export const FALLBACK = 'fallback'

export type Unit = PeriodUnit
export type Counts = { impressions: number; clicks: number; conversions: number }

/** From `at` until just before `until`, in ms since the Unix epoch. */
export type Span = { at: number; until: number }

/**
 * What is counted for one creative in one place and period. `within` is the period of the next longer unit that counts the
 * same events: of a minute its hour, of an hour its day. So whoever adds up a day, or hours of another day, knows which of them
 * the day has in it already, also after the app's zone has changed.
 */
export type RollupKey = Span & {
  app: string
  unit: Unit
  within: Span | null
  slot: string
  schedule: string
  creative: string
}
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
  /** seen key -> when what counted was accepted. */
  counted: Map<string, number>
  /** What could not be folded (its place in the batch, and why); it changed nothing. */
  failed: { index: number; reason: string }[]
}

/** What is known before: the zone of each app, and when the ids that were seen before were accepted, by `seenKey`. */
export type Known = { zones: ReadonlyMap<string, string>; seen: ReadonlyMap<string, number> }

/** What makes a record the same as an earlier one; undefined for refusals that older code wrote. */
export function seenKey(record: StreamRecord): string | undefined {
  if (!('refused' in record)) return `${record.app}|${record.id}`
  return record.id === undefined ? undefined : `${record.app}|refused|${record.id}`
}

/** Never throws: what a record makes throw here it would make throw again, so that it must not hold up the others. */
export function fold(records: readonly StreamRecord[], { zones, seen }: Known): Folded {
  const rollups = new Map<string, RollupIncrement>()
  const tallies = new Map<string, TallyIncrement>()
  const counted = new Map<string, number>()
  const failed: Folded['failed'] = []
  const clocks = new Map<string, Clock>()
  for (const [index, record] of records.entries()) {
    try {
      foldOne(record)
    } catch (error) {
      failed.push({ index, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  return { rollups: [...rollups.values()], tallies: [...tallies.values()], counted, failed }

  /** Periods first, for only they can throw: then nothing of the record is counted yet. */
  function foldOne(record: StreamRecord): void {
    const zone = zones.get(record.app)
    const clock = clockIn(zone ?? 'UTC')
    const acceptedOn = periodAt(clock, record.acceptedAt, 'DAY').begins
    const key = seenKey(record)
    const before = key === undefined ? undefined : (counted.get(key) ?? seen.get(key))
    const isRepeat = before !== undefined && record.acceptedAt - before < DUPLICATE_MS
    if ('refused' in record) {
      if (isRepeat) return
      if (key !== undefined) counted.set(key, record.acceptedAt)
      const tally = tallyOf(tallies, record.app, acceptedOn)
      tally.forged += record.refused.forged
      tally.future += record.refused.future
      tally.expired += record.refused.expired ?? 0 // not in what older code wrote
      return
    }
    const periods = periodsOf(clock, record.at)
    const tally = tallyOf(tallies, record.app, acceptedOn)
    tally.accepted++
    if (zone === undefined) tally.unknown++
    else if (isRepeat) tally.duplicate++
    else {
      if (record.late) tally.late++
      counted.set(key!, record.acceptedAt)
      for (const period of periods) rollupOf(rollups, record, period)[COUNTERS[record.type]]++
    }
  }

  function clockIn(zone: string): Clock {
    const clock = clocks.get(zone) ?? clockOf(zone)
    clocks.set(zone, clock)
    return clock
  }
}

type EventPeriod = Pick<RollupKey, 'unit' | 'at' | 'until' | 'within'>

/** The minute, hour and day of an instant. */
function periodsOf(clock: Clock, instant: number): EventPeriod[] {
  const spanOf = (unit: Unit): Span => {
    const { begins, ends } = periodAt(clock, instant, unit)
    return { at: begins, until: ends }
  }
  const [minute, hour, day] = [spanOf('MINUTE'), spanOf('HOUR'), spanOf('DAY')]
  return [
    { unit: 'MINUTE', ...minute, within: hour },
    { unit: 'HOUR', ...hour, within: day },
    { unit: 'DAY', ...day, within: null },
  ]
}

function rollupOf(rollups: Map<string, RollupIncrement>, event: AcceptedEvent, period: EventPeriod) {
  const { app, slot, creative } = event
  const key: RollupKey = { app, ...period, slot, schedule: event.schedule ?? FALLBACK, creative }
  const id = rollupId(key)
  const rollup = rollups.get(id) ?? { ...key, impressions: 0, clicks: 0, conversions: 0 }
  rollups.set(id, rollup)
  return rollup
}

/** The same for the same key, always: the id of its document. */
export function rollupId({ app, unit, within, slot, schedule, creative, ...span }: RollupKey): string {
  const period = within ? `${spanText(span)} in ${spanText(within)}` : spanText(span)
  return `${app}|${unit}|${period}|${slot}|${schedule}|${creative}`
}

const spanText = ({ at, until }: Span) => `${at}+${until - at}`

function tallyOf(tallies: Map<string, TallyIncrement>, app: string, at: number): TallyIncrement {
  const id = `${app}|${at}`
  const none = { app, at, accepted: 0, duplicate: 0, late: 0, forged: 0, future: 0, expired: 0, unknown: 0 }
  const tally = tallies.get(id) ?? none
  tallies.set(id, tally)
  return tally
}
