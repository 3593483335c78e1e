// When an entry may be shown: within its window [startsAt, endsAt), and there when its times are open.

import type { PublishedEntry, PublishedTimes } from '../publication/types.ts'
import { clockOf } from '../time/wall-clock.ts'
import { compileOpenings, dayAt, type Openings } from './openings.ts'

/** OPEN, or why not: before or after the window, or within it closed by day parts, excluded dates or recurrence. */
export type WindowReason = 'OPEN' | 'WINDOW' | 'DAY_PART'

type Windowed = Pick<PublishedEntry, 'startsAt' | 'endsAt' | 'times'>

/** Right for any instant, in any order; cheapest when instants slowly rise. All are milliseconds since the Unix epoch. */
export class CompiledWindows {
  /** Half-open [startsAt, endsAt); infinite where there is no bound. */
  readonly startsAt: number
  readonly endsAt: number
  readonly #openings: Openings | null

  /** @param openings null: open all the time. */
  constructor({ startsAt, endsAt }: Windowed, openings: Openings | null) {
    this.startsAt = startsAt ?? Number.NEGATIVE_INFINITY
    this.endsAt = endsAt ?? Number.POSITIVE_INFINITY
    this.#openings = openings
  }

  isOpen(now: number): boolean {
    return this.startsAt <= now && now < this.endsAt && (this.#openings === null || this.#openings.isOpen(now))
  }

  /**
   * The instant after `after` at which to look again: until then `isOpen` stays what it is. It is the next change, save that
   * before the window it is `startsAt`, even where the times are closed then, and that where no change is near it is 400 days
   * ahead. Infinity: it never changes again.
   */
  nextChange(after: number): number {
    if (after < this.startsAt) return this.startsAt
    if (after >= this.endsAt) return Number.POSITIVE_INFINITY
    return this.#openings === null ? this.endsAt : Math.min(this.endsAt, this.#openings.sameUntil(after))
  }

  why(now: number): WindowReason {
    if (now < this.startsAt || now >= this.endsAt) return 'WINDOW'
    return this.#openings === null || this.#openings.isOpen(now) ? 'OPEN' : 'DAY_PART'
  }
}

/**
 * Entries that share their times share what is worked out of them, in whatever slots they are: it is kept for as long as one
 * of them is.
 *
 * @throws Error on times that this version does not know.
 */
export function compileWindows(entry: Windowed): CompiledWindows {
  return new CompiledWindows(entry, entry.times && openingsOf(entry.times, entry.startsAt))
}

const known = new Map<string, WeakRef<Openings>>()
const forgotten = new FinalizationRegistry<string>((key) => {
  // It may have been compiled anew by now.
  if (known.get(key)?.deref() === undefined) known.delete(key)
})

function openingsOf(times: PublishedTimes, startsAt: number | null): Openings {
  const { zone, dayParts, excludedDates, recurrence } = times
  // Only a recurrence depends on the window, and only on its first day.
  const first = recurrence === null || startsAt === null ? null : dayAt(clockOf(zone), startsAt)
  const parts = dayParts.map(({ days, from, to }) => [days, from, to])
  const key = JSON.stringify([zone, parts, excludedDates, recurrence, first])
  const found = known.get(key)?.deref()
  if (found) return found
  const openings = compileOpenings(times, startsAt)
  known.set(key, new WeakRef(openings))
  forgotten.register(openings, key)
  return openings
}
