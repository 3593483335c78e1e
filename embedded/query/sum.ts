// Sums as MongoDB makes them: in double-double precision, so that the order of the addends hardly matters, and exact
// for integers; integers beyond 2^53, which this server could not hold, are refused.
import { notImplemented } from '../errors.ts'

export class Sum {
  private high = 0
  private low = 0
  private special: number | undefined
  private integers = true

  add(value: number): void {
    if (!Number.isFinite(value)) {
      this.special = (this.special ?? 0) + value
      return
    }
    if (!Number.isInteger(value)) this.integers = false
    // Two-sum (Knuth): `error` is exactly what the rounded sum lost.
    const sum = this.high + value
    const part = sum - this.high
    const error = this.high - (sum - part) + (value - part)
    this.high = sum
    this.low += error
  }

  value(): number {
    if (this.special !== undefined) return this.special
    const total = this.high + this.low
    if (this.integers && !Number.isSafeInteger(total)) return notImplemented('a sum of integers beyond 2^53')
    return total
  }
}
