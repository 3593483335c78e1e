// When an entry can be shown: inside its window [startsAt, endsAt), and there only while its times (day parts, excluded dates,
// recurrence) are open. `OpenNow` keeps the answer for all entries of a slot as one bit each.

import type { PublishedEntry, PublishedTimes } from '../publication/types.ts'
import { clockOf } from '../time/wall-clock.ts'
import { compileOpeningTimes, dayAt, type OpeningTimes } from './opening-times.ts'

/** OPEN, or why it is not. WINDOW: before or after the window. DAY_PART: inside the window, but its times are closed. */
export type WindowReason = 'OPEN' | 'WINDOW' | 'DAY_PART'

type Windowed = Pick<PublishedEntry, 'startsAt' | 'endsAt' | 'times'>

/** Instants are ms since the Unix epoch. They may come in any order. Rising ones are the cheapest. */
export class CompiledWindows {
  /** Half-open [startsAt, endsAt). Infinite where there is no bound. */
  readonly startsAt: number
  readonly endsAt: number
  readonly #openingTimes: OpeningTimes | null

  /** @param openingTimes null: always open. */
  constructor({ startsAt, endsAt }: Windowed, openingTimes: OpeningTimes | null) {
    this.startsAt = startsAt ?? Number.NEGATIVE_INFINITY
    this.endsAt = endsAt ?? Number.POSITIVE_INFINITY
    this.#openingTimes = openingTimes
  }

  isOpen(now: number): boolean {
    return this.startsAt <= now && now < this.endsAt && (this.#openingTimes === null || this.#openingTimes.isOpen(now))
  }

  /**
   * The instant until which `isOpen` surely does not change. Infinity: it never changes again. Mostly this is the next change.
   * There are two exceptions: before the window it is `startsAt`, even if the times are closed then; and when the times do
   * not change in the next 400 days, it is the end of these days.
   */
  nextChange(after: number): number {
    if (after < this.startsAt) return this.startsAt
    if (after >= this.endsAt) return Number.POSITIVE_INFINITY
    return this.#openingTimes === null ? this.endsAt : Math.min(this.endsAt, this.#openingTimes.sameUntil(after))
  }

  reasonAt(now: number): WindowReason {
    if (now < this.startsAt || now >= this.endsAt) return 'WINDOW'
    return this.#openingTimes === null || this.#openingTimes.isOpen(now) ? 'OPEN' : 'DAY_PART'
  }
}

/** Which entries of a slot are open now. A request only compares the clock with the next change, unless that has passed. */
export class OpenNow {
  /** One bit per position, as of the last `refresh`. */
  readonly bits: Int32Array
  readonly #windows: readonly CompiledWindows[]
  /** By position: the instant until which the bit is right. */
  readonly #validUntil: Float64Array
  /** All bits are right in [since, until). */
  #since = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY

  constructor(windows: readonly CompiledWindows[]) {
    this.#windows = windows
    this.bits = new Int32Array((windows.length + 31) >> 5)
    this.#validUntil = new Float64Array(windows.length)
  }

  /**
   * Sets the bits for the instant `now`. Only entries that can have changed are looked at, unless the clock went back.
   *
   * @returns the instant until which no bit changes; Infinity: none changes again.
   */
  refresh(now: number): number {
    if (this.#since <= now && now < this.#until) return this.#until
    const isLater = now >= this.#since
    let until = Number.POSITIVE_INFINITY
    for (let position = 0; position < this.#windows.length; position += 1) {
      if (!isLater || this.#validUntil[position]! <= now) this.#update(position, now)
      until = Math.min(until, this.#validUntil[position]!)
    }
    this.#since = now
    this.#until = until
    return until
  }

  #update(position: number, now: number): void {
    const windows = this.#windows[position]!
    const bit = 1 << (position & 31)
    if (windows.isOpen(now)) this.bits[position >> 5]! |= bit
    else this.bits[position >> 5]! &= ~bit
    this.#validUntil[position] = windows.nextChange(now)
  }
}

/** @throws Error on times that this version does not know. */
export function compileWindows(entry: Windowed): CompiledWindows {
  return new CompiledWindows(entry, entry.times && openingTimesOf(entry.times, entry.startsAt))
}

/**
 * Opening times by their content. Module state on purpose: thousands of entries in many slots share the same times, and share
 * the instants that were worked out for them. An item lives as long as an entry that uses it.
 */
const shared = new Map<string, WeakRef<OpeningTimes>>()
const collected = new FinalizationRegistry<string>((key) => {
  // The same times may have been compiled again since.
  if (shared.get(key)?.deref() === undefined) shared.delete(key)
})

function openingTimesOf(times: PublishedTimes, startsAt: number | null): OpeningTimes {
  const { zone, dayParts, excludedDates, recurrence } = times
  // Only a recurrence depends on the window: it counts from the first day.
  const first = recurrence === null || startsAt === null ? null : dayAt(clockOf(zone), startsAt)
  const parts = dayParts.map(({ days, from, to }) => [days, from, to])
  const key = JSON.stringify([zone, parts, excludedDates, recurrence, first])
  const found = shared.get(key)?.deref()
  if (found) return found
  const openingTimes = compileOpeningTimes(times, startsAt)
  shared.set(key, new WeakRef(openingTimes))
  collected.register(openingTimes, key)
  return openingTimes
}
