// Frequency caps: whether one user was served something as often as its caps allow. What counts is in counters that travel
// with the client (cap-token.ts); nothing here is stored, and nothing of a request is kept.
//
// Periods are fixed: those of the clock, counted from the Unix epoch in UTC. So a counter is one number and the end of its
// period, and the same on every node. At the turn of a period a user may be served twice as often in a short time.

import type { FrequencyCap } from '../publication/types.ts'
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../time.ts'
import { murmur3 } from './hash.ts'

export type CompiledCap = {
  /** Names its counter: 48 bits, of what is capped and the length of the period. */
  id: number
  source: FrequencyCap
  /** In ms; Infinity for a lifetime. */
  periodMs: number
}

/** All of them hold; no two periods are equally long. */
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
}

/** The highest count that a cap can have: beyond it nothing is counted. */
export const MAX_TIMES = 1_000_000
export const MAX_PERIOD_MS = 366 * DAY_MS

const UNIT_MS = { MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: DAY_MS, LIFETIME: Number.POSITIVE_INFINITY }

/**
 * The caps of a schedule or slot (its id), once at load; null when it has none. A cap whose count changes goes on with what
 * was counted; one whose period changes begins anew. Of two whose periods are equally long, only the lower can matter.
 */
export function compileCaps(id: string, caps: readonly FrequencyCap[]): CompiledCaps | null {
  if (caps.length === 0) return null
  const byPeriod = new Map<number, CompiledCap>()
  for (const source of caps) {
    const periodMs = source.every * UNIT_MS[source.unit]
    const lowest = byPeriod.get(periodMs)?.source.count ?? Number.POSITIVE_INFINITY
    if (source.count < lowest) byPeriod.set(periodMs, { id: hash48(`${id}/${periodMs}`), source, periodMs })
  }
  return [...byPeriod.values()]
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
    const { endsAt, times } = counterAt(counters, cap, now) ?? { endsAt: periodEnd(cap, now), times: 0 }
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
 * The counter of the period that holds. Clocks of nodes differ: one whose clock is behind goes on in the period that another
 * has begun. What ends still later was never counted by a clock worth believing.
 */
function counterAt({ byId }: CapCounters, cap: CompiledCap, now: number): CapCounter | undefined {
  const counter = byId.get(cap.id)
  if (!counter) return undefined
  const end = periodEnd(cap, now)
  return counter.endsAt >= end && counter.endsAt <= end + cap.periodMs ? counter : undefined
}

function periodEnd({ periodMs }: CompiledCap, now: number): number {
  return periodMs === Number.POSITIVE_INFINITY ? periodMs : floorTo(now, periodMs) + periodMs
}
