// Folds a batch of stream records into increments of rollups and tallies. Pure: no I/O. Each event is counted once, in the
// minute, hour and day in which it happened, by the time zone of its app.
//
// Example: an impression of schedule sch_1 at 10:15:30 in Berlin adds 1 to the impressions of sch_1 in the minute 10:15, in
// the hour 10:00 and in the day.

import { HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { type PeriodUnit, periodAt } from '../../engine/time/periods.ts'
import { type Clock, clockOf } from '../../engine/time/wall-clock.ts'
import { type AcceptedEvent, COUNTERS, type StreamRecord } from './stream-records.ts'

/** Two events with the same id within this time (ms) are one event. */
export const DUPLICATE_MS = 24 * HOUR_MS

/** The `schedule` in the rollups of creatives that were shown as a fallback. */
export const FALLBACK = 'fallback'

export type Unit = PeriodUnit
export type Counts = { impressions: number; clicks: number; conversions: number }

/** From `at` until just before `until`, in ms since the Unix epoch. */
export type Span = { at: number; until: number }

/**
 * What one rollup counts: one creative of one schedule in one slot, in one period. `within` is the next longer period that
 * counts the same events: the hour of a minute, the day of an hour. A total that adds a day and some hours looks at it, so
 * that it adds no hour that the day contains already. It stays right after the app has changed its time zone.
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
 * How many events an app sent, by the day on which they arrived. `accepted`: all that reached the stream. Of these,
 * `duplicate` and `unknown` (the app does not exist) are not counted in rollups; `late` are. `forged`, `future` and
 * `expired` were refused.
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
  /** `seenKey` -> when the event that was counted was accepted (ms). */
  counted: Map<string, number>
  /** Records that could not be folded: their index in the batch, and why. They changed nothing. */
  failed: { index: number; reason: string }[]
}

/** What must be known beforehand: app -> its time zone, and `seenKey` -> when that event was accepted (ms). */
export type Known = { zones: ReadonlyMap<string, string>; seen: ReadonlyMap<string, number> }

/** Two records with the same key are the same. Undefined for refusals that older versions wrote: they have no id. */
export function seenKey(record: StreamRecord): string | undefined {
  if (!('refused' in record)) return `${record.app}|${record.id}`
  return record.id === undefined ? undefined : `${record.app}|refused|${record.id}`
}

/** Never throws. A record that cannot be folded would fail again at every try, and must not block the others. */
export function fold(records: readonly StreamRecord[], { zones, seen }: Known): Folded {
  const rollups = new Map<string, RollupIncrement>()
  const tallies = new Map<string, TallyIncrement>()
  const counted = new Map<string, number>()
  const failed: Folded['failed'] = []
  const calendars = new Map<string, Calendar>()
  for (const [index, record] of records.entries()) {
    try {
      foldOne(record)
    } catch (error) {
      failed.push({ index, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  return { rollups: [...rollups.values()], tallies: [...tallies.values()], counted, failed }

  /** Computes the periods before it counts anything, because only they can throw. */
  function foldOne(record: StreamRecord): void {
    const zone = zones.get(record.app)
    const periodsAt = calendarIn(zone ?? 'UTC')
    const [, , { at: acceptedOn }] = periodsAt(record.acceptedAt).units
    const key = seenKey(record)
    const before = key === undefined ? undefined : (counted.get(key) ?? seen.get(key))
    const isRepeat = before !== undefined && record.acceptedAt - before < DUPLICATE_MS
    if ('refused' in record) {
      if (isRepeat) return
      if (key !== undefined) counted.set(key, record.acceptedAt)
      const tally = tallyOf(tallies, record.app, acceptedOn)
      tally.forged += record.refused.forged
      tally.future += record.refused.future
      tally.expired += record.refused.expired ?? 0 // Older versions did not write it.
      return
    }
    const periods = periodsAt(record.at)
    const tally = tallyOf(tallies, record.app, acceptedOn)
    tally.accepted++
    if (zone === undefined) tally.unknown++
    else if (isRepeat) tally.duplicate++
    else {
      if (record.late) tally.late++
      counted.set(key!, record.acceptedAt)
      for (const rollup of rollupsOf(rollups, record, periods)) rollup[COUNTERS[record.type]]++
    }
  }

  function calendarIn(zone: string): Calendar {
    let calendar = calendars.get(zone)
    if (!calendar) {
      calendar = createCalendar(clockOf(zone))
      calendars.set(zone, calendar)
    }
    return calendar
  }
}

type EventPeriod = Pick<RollupKey, 'unit' | 'at' | 'until' | 'within'>

/** The minute, hour and day of an instant. `rollups`: what events counted in this minute, by app, slot, schedule and creative. */
type Periods = {
  units: readonly [EventPeriod, EventPeriod, EventPeriod]
  rollups: Map<string, readonly RollupIncrement[]>
}

/** Returns the periods of an instant. All instants of one minute get the same object, because a batch has many events of a minute. */
type Calendar = (instant: number) => Periods

function createCalendar(clock: Clock): Calendar {
  const known = new Map<number, Periods>()
  return (instant) => {
    const key = Math.floor(instant / MINUTE_MS)
    const found = known.get(key)
    // Until 1972, a few zones had an offset with seconds: there, two minutes can have the same key.
    if (found && instant >= found.units[0].at && instant < found.units[0].until) return found
    const periods: Periods = { units: periodsOf(clock, instant), rollups: new Map() }
    known.set(key, periods)
    return periods
  }
}

function periodsOf(clock: Clock, instant: number): Periods['units'] {
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

/** The three rollups of an event. The ids are long, so they are built once for all events of a minute about the same thing. */
function rollupsOf(
  rollups: Map<string, RollupIncrement>,
  { app, slot, schedule, creative }: AcceptedEvent,
  periods: Periods,
): readonly RollupIncrement[] {
  const about = `${app}|${slot}|${schedule ?? FALLBACK}|${creative}`
  let found = periods.rollups.get(about)
  if (!found) {
    found = periods.units.map((period) =>
      rollupOf(rollups, { app, ...period, slot, schedule: schedule ?? FALLBACK, creative }),
    )
    periods.rollups.set(about, found)
  }
  return found
}

function rollupOf(rollups: Map<string, RollupIncrement>, key: RollupKey): RollupIncrement {
  const id = rollupId(key)
  let rollup = rollups.get(id)
  if (!rollup) {
    rollup = { ...key, impressions: 0, clicks: 0, conversions: 0 }
    rollups.set(id, rollup)
  }
  return rollup
}

/** The id of the rollup's document. The same key always gives the same id. */
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
