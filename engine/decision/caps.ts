// Frequency caps: whether one user was served something as often as its caps allow. What counts is in counters that travel
// with the client (cap-token.ts); nothing here is stored, and nothing of a request is kept.
//
// Periods are fixed, and those of the clock in the zone of the app (time-periods.ts). So a counter is one number and the end
// of its period, which says which day it counts, and is the same on every node. At the turn of a period a user may be served
// twice as often in a short time.

import { murmur3 } from '../hash.ts'
import type { FrequencyCap } from '../publication/types.ts'
import { DAY_MS } from '../time/days.ts'
import { periodAt, UNIT_MS } from '../time/periods.ts'
import { clockOf } from '../time/wall-clock.ts'

export type CompiledCap = {
  /** Names its counter: 48 bits, of what is capped and its period. */
  id: number
  source: FrequencyCap
  /** The same for caps with the same period: a key into the periods of a zone. */
  period: string
}

/** All of them hold; no two have the same period. */
export type CompiledCaps = readonly CompiledCap[]

export type CapCounter = {
  /** End of the period, in ms since the Unix epoch; Infinity for a lifetime. */
  endsAt: number
  /** 1 to `MAX_TIMES`. */
  times: number
}

/** What one user was served; of one request, which changes them. */
export type CapCounters = {
  /** `hash48` of the user's key. */
  owner: number
  /** id of a cap -> its counter, the one counted last at the end. */
  byId: Map<number, CapCounter>
  /** Of the zone of the app. */
  periods: CapPeriods
}

/** The periods in which a zone counts. */
export type CapPeriods = {
  /** The period of a cap that holds at `now`. */
  at(cap: CompiledCap, now: number): CapPeriod
}

/** All in ms since the Unix epoch. `nextEnds`: when the period after it ends. */
type CapPeriod = { begins: number; ends: number; nextEnds: number }

/** The highest count that a cap can have: beyond it nothing is counted. */
export const MAX_TIMES = 1_000_000
/** With a day for zones whose clocks are changed meanwhile. */
export const MAX_PERIOD_MS = 367 * DAY_MS

const LIFETIME: CapPeriod = {
  begins: Number.NEGATIVE_INFINITY,
  ends: Number.POSITIVE_INFINITY,
  nextEnds: Number.POSITIVE_INFINITY,
}

/**
 * The caps of a schedule or slot (its id), once at load; null when it has none. A cap whose count changes goes on with what
 * was counted; one whose period changes begins anew. Of two with the same period, as 60 minutes and an hour, only the lower
 * can matter.
 */
export function compileCaps(id: string, caps: readonly FrequencyCap[]): CompiledCaps | null {
  if (caps.length === 0) return null
  const byPeriod = new Map<string, CompiledCap>()
  for (const source of caps) {
    const period = periodName(source)
    const lowest = byPeriod.get(period)?.source.count ?? Number.POSITIVE_INFINITY
    if (source.count < lowest) byPeriod.set(period, { id: hash48(`${id}/${period}`), source, period })
  }
  return [...byPeriod.values()]
}

/** A day is more than 24 hours: where clocks change, it is not as long. */
function periodName({ every, unit }: FrequencyCap): string {
  if (unit === 'LIFETIME') return 'Infinity'
  return unit === 'DAY' ? `${every * DAY_MS}` : `${every * UNIT_MS[unit]} on the clock`
}

/** zone -> its periods. */
const knownPeriods = new Map<string, CapPeriods>()

/**
 * The periods of a zone, the same for all requests: what holds now is worked out once and compared with the clock from then on.
 *
 * @throws RangeError for a zone that is not in the IANA database.
 */
export function capPeriodsOf(zone: string): CapPeriods {
  const found = knownPeriods.get(zone)
  if (found) return found
  const clock = clockOf(zone)
  const current = new Map<string, CapPeriod>()
  const periods: CapPeriods = {
    at({ source: { every, unit }, period }, now) {
      if (unit === 'LIFETIME') return LIFETIME
      const known = current.get(period)
      if (known && known.begins <= now && now < known.ends) return known
      const { begins, ends } = periodAt(clock, now, unit, every)
      const holds = { begins, ends, nextEnds: periodAt(clock, ends, unit, every).ends }
      current.set(period, holds)
      return holds
    },
  }
  knownPeriods.set(zone, periods)
  return periods
}

export function isCapped(counters: CapCounters, caps: CompiledCaps, now: number): boolean {
  return cappedBy(counters, caps, now) !== null
}

/** The first of the caps that is reached at `now` (ms since the Unix epoch); null when none is. */
export function cappedBy(counters: CapCounters, caps: CompiledCaps, now: number): CompiledCap | null {
  for (const cap of caps) if (timesServed(counters, cap, now) >= cap.source.count) return cap
  return null
}

/** How often the user was served it in the period of the cap that holds at `now`. */
export function timesServed(counters: CapCounters, cap: CompiledCap, now: number): number {
  return counterAt(counters, cap, now)?.times ?? 0
}

/** Counts that the user is served it at `now`, once for each of the caps. */
export function count(counters: CapCounters, caps: CompiledCaps, now: number): void {
  for (const cap of caps) {
    const { endsAt, times } = counterAt(counters, cap, now) ?? { endsAt: counters.periods.at(cap, now).ends, times: 0 }
    counters.byId.delete(cap.id)
    counters.byId.set(cap.id, { endsAt, times: Math.min(times + 1, MAX_TIMES) })
  }
}

/**
 * 48 bits of a text. That a counter of one token (at most 117) is taken for that of another of 100,000 caps happens to one
 * user in 24 million; that any two of 100,000 caps are counted as one, to one installation in 56,000.
 */
export function hash48(text: string): number {
  return murmur3(text, 0x3c6ef372) * 2 ** 16 + (murmur3(text, 0xa54ff53a) >>> 16)
}

/**
 * The counter that holds: one counts until the end that it names. Mostly that is the end of the period; but clocks of nodes
 * differ, and one whose clock is behind goes on in the period that another has begun; and after a change of the app's zone, the
 * period that was begun in the old one goes on to its end. What ends still later was never counted by a clock worth believing.
 */
function counterAt({ byId, periods }: CapCounters, cap: CompiledCap, now: number): CapCounter | undefined {
  const counter = byId.get(cap.id)
  if (!counter || counter.endsAt <= now) return undefined
  return counter.endsAt <= periods.at(cap, now).nextEnds ? counter : undefined
}
