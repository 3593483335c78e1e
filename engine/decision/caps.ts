// Frequency caps: whether a user was already served something as often as its caps allow. The counters travel with the client
// (cap-token.ts). No node stores them.
//
// Periods are fixed, by the clock of the app's zone (engine/time/periods.ts). Example: "3 times in 1 day" in Berlin. The period of
// 1 May 2026 ends at 2026-05-01T22:00Z. A counter is {endsAt: that instant, times: 2}. It allows one more, and ends by itself.
// Fixed periods have one drawback: 3 times just before midnight and 3 times just after it are allowed.

import { murmur3 } from '../hash.ts'
import type { FrequencyCap } from '../publication/types.ts'
import { DAY_MS } from '../time/days.ts'
import { periodAt, UNIT_MS } from '../time/periods.ts'
import { clockOf } from '../time/wall-clock.ts'

export type CompiledCap = {
  /** The name of its counter: a 48-bit hash of what is capped and the period. */
  id: number
  source: FrequencyCap
  /** The same text for caps with the same period. */
  period: string
}

/** All of them must allow it. No two have the same period. */
export type CompiledCaps = readonly CompiledCap[]

export type CapCounter = {
  /** End of the period, in ms since the Unix epoch; Infinity for a lifetime. */
  endsAt: number
  /** 1 to `MAX_TIMES`. */
  times: number
}

/** What one user was served. Each request has its own, and `count` changes them. */
export type CapCounters = {
  /** `hash48` of the user's key. */
  owner: number
  /** cap id -> its counter. The one counted last is at the end. */
  byId: Map<number, CapCounter>
  /** The periods of the app's zone. */
  periods: CapPeriods
}

/** The periods of all caps in one zone. */
export type CapPeriods = {
  /** The period of this cap that contains `now`. */
  at(cap: CompiledCap, now: number): CapPeriod
}

/** All in ms since the Unix epoch. `nextEnds`: the end of the following period. */
type CapPeriod = { begins: number; ends: number; nextEnds: number }

/** The highest count of a cap. Counters stop here. */
export const MAX_TIMES = 1_000_000
/** The longest period, and a day more for changes of the clocks. */
export const MAX_PERIOD_MS = 367 * DAY_MS

const LIFETIME: CapPeriod = {
  begins: Number.NEGATIVE_INFINITY,
  ends: Number.POSITIVE_INFINITY,
  nextEnds: Number.POSITIVE_INFINITY,
}

/**
 * Compiles the caps of a schedule or slot. Null: it has none. Of two caps with the same period (60 minutes and 1 hour), only the
 * lower one is kept. When the count of a cap is edited, its counters go on. When its period is edited, they begin again.
 *
 * @param id of the schedule or slot.
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

/** One day and 24 hours are different periods: a day can have 23 or 25 hours. */
function periodName({ every, unit }: FrequencyCap): string {
  if (unit === 'LIFETIME') return 'Infinity'
  return unit === 'DAY' ? `${every * DAY_MS}` : `${every * UNIT_MS[unit]} on the clock`
}

/** zone -> its periods. Module state on purpose: there are few zones, and all slots share what was computed. */
const periodsByZone = new Map<string, CapPeriods>()

/**
 * The periods of a zone. All requests share them. The current period is computed once, and then only compared with the clock.
 *
 * @throws RangeError for a zone that is not in the IANA database.
 */
export function capPeriodsOf(zone: string): CapPeriods {
  const found = periodsByZone.get(zone)
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
  periodsByZone.set(zone, periods)
  return periods
}

export function isCapped(counters: CapCounters, caps: CompiledCaps, now: number): boolean {
  return cappedBy(counters, caps, now) !== null
}

/** The first cap that is reached at `now` (ms since the Unix epoch); null: none. */
export function cappedBy(counters: CapCounters, caps: CompiledCaps, now: number): CompiledCap | null {
  for (const cap of caps) if (timesServed(counters, cap, now) >= cap.source.count) return cap
  return null
}

/** How often the user was served it in the current period of the cap. */
export function timesServed(counters: CapCounters, cap: CompiledCap, now: number): number {
  return counterAt(counters, cap, now)?.times ?? 0
}

/** Counts one serving at `now`, for each cap. */
export function count(counters: CapCounters, caps: CompiledCaps, now: number): void {
  for (const cap of caps) {
    const { endsAt, times } = counterAt(counters, cap, now) ?? { endsAt: counters.periods.at(cap, now).ends, times: 0 }
    counters.byId.delete(cap.id)
    counters.byId.set(cap.id, { endsAt, times: Math.min(times + 1, MAX_TIMES) })
  }
}

/**
 * A 48-bit hash. Collisions are rare enough. With 100,000 caps, one user in 24 million has a counter (of at most 117) that
 * another cap mistakes for its own. In one installation in 56,000, two of 100,000 caps share their counter.
 */
export function hash48(text: string): number {
  return murmur3(text, 0x3c6ef372) * 2 ** 16 + (murmur3(text, 0xa54ff53a) >>> 16)
}

/**
 * The counter of a cap, as long as it has not ended. It counts until its own `endsAt`. Mostly this is the end of the current
 * period. It can be later in two cases: a node whose clock is ahead has begun the next period; or the app's zone was changed, and
 * the period of the old zone goes on. A counter that ends after the next period is ignored, since no valid clock wrote it.
 */
function counterAt({ byId, periods }: CapCounters, cap: CompiledCap, now: number): CapCounter | undefined {
  const counter = byId.get(cap.id)
  if (!counter || counter.endsAt <= now) return undefined
  return counter.endsAt <= periods.at(cap, now).nextEnds ? counter : undefined
}
