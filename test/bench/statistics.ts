// The few statistics that the benches report.

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('expected at least one value')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @param sorted ascending. @param fraction 0.99 for p99. The value at the nearest rank: of 100 values, p99 is the 99th. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0) throw new RangeError('expected at least one value')
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)]!
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < values.length; at += 1) sum += values[at]!
  return sum / values.length
}

/** `above` divided by `below`, round by round: both were measured under the same conditions. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  if (above.length !== below.length) throw new RangeError(`expected as many rounds: ${above.length}, ${below.length}`)
  return above.map((value, round) => value / below[round]!)
}

/** The straight line through the points with the least squares of errors: y = `at0` + `slope` * x. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): { slope: number; at0: number } {
  if (points.length < 2) throw new RangeError('expected at least two points')
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  let [products, squares] = [0, 0]
  for (const [x, y] of points) {
    products += (x - meanX) * (y - meanY)
    squares += (x - meanX) ** 2
  }
  const slope = products / squares
  return { slope, at0: meanY - slope * meanX }
}
