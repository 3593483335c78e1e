// When an entry can be shown: inside its window [startsAt, endsAt), and there only while its times (day parts, excluded dates,
// recurrence) are open. `OpenNow` keeps the answer for all entries of a slot as one bit each.

import type { PublishedEntry, PublishedTimes } from '../publication/types.ts'
import { clockOf } from '../time/wall-clock.ts'
import { compileOpeningTimes, dayAt, type OpeningTimes, PREPARED_MS } from './opening-times.ts'

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

  /** Makes the answers for [now, now + PREPARED_MS] ready. */
  prepare(now: number): void {
    if (this.#openingTimes === null || now >= this.endsAt || now + PREPARED_MS < this.startsAt) return
    this.#openingTimes.prepare(now)
  }

  reasonAt(now: number): WindowReason {
    if (now < this.startsAt || now >= this.endsAt) return 'WINDOW'
    return this.#openingTimes === null || this.#openingTimes.isOpen(now) ? 'OPEN' : 'DAY_PART'
  }
}

/** The bits of one stretch of time. They are right in [since, until). */
type OpenState = {
  /** One bit per position. */
  bits: Int32Array
  /** By position: the instant until which the bit is right. */
  validUntil: Float64Array
  since: number
  until: number
}

/**
 * Which entries of a slot are open now. There are two states: the current one, and the one after the next change. So a request only
 * compares the clock with two instants. The node computes the second state ahead with `prepare`. A request for another instant, as
 * after a jump of the clock, computes its state itself.
 */
export class OpenNow {
  /** One bit per position, as of the last `refresh`. */
  bits: Int32Array
  readonly #windows: readonly CompiledWindows[]
  #current: OpenState
  #other: OpenState
  /** Nothing is to be prepared in [#preparedAt, #prepareAgainAt). */
  #preparedAt = Number.POSITIVE_INFINITY
  #prepareAgainAt = Number.NEGATIVE_INFINITY
  /** The position at which the next call of `prepare` goes on. */
  #nextPosition = 0

  constructor(windows: readonly CompiledWindows[]) {
    this.#windows = windows
    this.#current = emptyState(windows.length)
    this.#other = emptyState(windows.length)
    this.bits = this.#current.bits
  }

  /**
   * Sets the bits for the instant `now`.
   *
   * @returns the instant until which no bit changes; Infinity: none changes again.
   */
  refresh(now: number): number {
    const { since, until } = this.#current
    return since <= now && now < until ? until : this.#moveTo(now)
  }

  /**
   * Makes the answers of the next half hour ready. Long work is done in parts: it ends early when `mayContinue` returns false, and
   * the next call goes on. Call it before the first request, and then about every second.
   *
   * @returns whether everything is ready.
   */
  prepare(now: number, mayContinue: () => boolean): boolean {
    if (this.#preparedAt <= now && now < this.#prepareAgainAt) return true
    while (this.#nextPosition < this.#windows.length) {
      this.#windows[this.#nextPosition]!.prepare(now)
      this.#nextPosition += 1
      if (!mayContinue()) return false
    }
    this.#nextPosition = 0
    const until = this.refresh(now)
    const again = now + PREPARED_MS / 2
    if (until < again && !covers(this.#other, until)) this.#compute(this.#other, until)
    this.#preparedAt = now
    this.#prepareAgainAt = Math.min(again, until)
    return true
  }

  #moveTo(now: number): number {
    if (!covers(this.#other, now)) this.#compute(this.#other, now)
    const previous = this.#current
    this.#current = this.#other
    this.#other = previous
    this.bits = this.#current.bits
    return this.#current.until
  }

  /** Only entries that can have changed since the current state are looked at, unless the clock went back. */
  #compute(state: OpenState, now: number): void {
    const { bits, validUntil, since } = this.#current
    const isLater = now >= since
    if (isLater) {
      state.bits.set(bits)
      state.validUntil.set(validUntil)
    }
    let until = Number.POSITIVE_INFINITY
    for (let position = 0; position < this.#windows.length; position += 1) {
      if (!isLater || state.validUntil[position]! <= now) update(state, position, this.#windows[position]!, now)
      until = Math.min(until, state.validUntil[position]!)
    }
    state.since = now
    state.until = until
  }
}

function emptyState(length: number): OpenState {
  return {
    bits: new Int32Array((length + 31) >> 5),
    validUntil: new Float64Array(length),
    since: Number.POSITIVE_INFINITY,
    until: Number.NEGATIVE_INFINITY,
  }
}

function covers({ since, until }: OpenState, now: number): boolean {
  return since <= now && now < until
}

function update({ bits, validUntil }: OpenState, position: number, windows: CompiledWindows, now: number): void {
  const bit = 1 << (position & 31)
  if (windows.isOpen(now)) bits[position >> 5]! |= bit
  else bits[position >> 5]! &= ~bit
  validUntil[position] = windows.nextChange(now)
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
