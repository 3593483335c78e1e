// Which entries of a slot are open now, as one bit for each. Asked again only of entries whose window may have opened or closed
// since, so that a request compares the clock with the next boundary and no more.

import type { CompiledWindows } from './windows.ts'

export class OpenNow {
  /** By position. Right for the instant of the last `refresh`. */
  readonly bits: Int32Array
  readonly #windows: readonly CompiledWindows[]
  /** Until when each bit holds. */
  readonly #holdsUntil: Float64Array
  /** What is known holds in [since, until). */
  #since = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY

  constructor(windows: readonly CompiledWindows[]) {
    this.#windows = windows
    this.bits = new Int32Array((windows.length + 31) >> 5)
    this.#holdsUntil = new Float64Array(windows.length)
  }

  /**
   * Sets the bits to what they are at `now`; both in ms since the Unix epoch.
   *
   * @returns until when none of them changes; Infinity: for good.
   */
  refresh(now: number): number {
    if (this.#since <= now && now < this.#until) return this.#until
    const goesOn = now >= this.#since
    let until = Number.POSITIVE_INFINITY
    for (let position = 0; position < this.#windows.length; position += 1) {
      if (!goesOn || this.#holdsUntil[position]! <= now) this.#ask(position, now)
      until = Math.min(until, this.#holdsUntil[position]!)
    }
    this.#since = now
    this.#until = until
    return until
  }

  #ask(position: number, now: number): void {
    const windows = this.#windows[position]!
    const bit = 1 << (position & 31)
    if (windows.isOpen(now)) this.bits[position >> 5]! |= bit
    else this.bits[position >> 5]! &= ~bit
    this.#holdsUntil[position] = windows.nextChange(now)
  }
}
