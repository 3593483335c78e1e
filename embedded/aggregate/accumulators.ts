// The accumulators of `$group`: each makes, for a group, something to add values to and to take the result from.
import { compare, keyOf } from '../compare.ts'
import { fail } from '../errors.ts'
import { Sum } from '../query/sum.ts'
import type { Doc, Maybe, Value } from '../values.ts'
import { mergeObjects } from './expressions/objects.ts'

export interface Accumulator {
  add(value: Maybe): void
  result(): Value
}

/** A running value that each addition may replace; undefined gives null. */
function running(step: (current: Maybe, value: Maybe, count: number) => Maybe): () => Accumulator {
  return () => {
    let current: Maybe
    let count = 0
    return {
      add(value) {
        current = step(current, value, count++)
      },
      result: () => current ?? null,
    }
  }
}

/** The least (`sign` 1) or greatest (-1) of the values that are neither null nor missing. */
function extreme(sign: 1 | -1): () => Accumulator {
  return running((current, value) => {
    if (value === undefined || value === null) return current
    return current === undefined || compare(value, current) * sign < 0 ? value : current
  })
}

/** Of numbers only: other values do not count. */
function numbers(result: (sum: Sum, count: number) => Value): () => Accumulator {
  return () => {
    const sum = new Sum()
    let count = 0
    return {
      add(value) {
        if (typeof value !== 'number') return
        sum.add(value)
        count++
      },
      result: () => result(sum, count),
    }
  }
}

function list(isNew: (value: Value, keys: Set<string>) => boolean): () => Accumulator {
  return () => {
    const values: Value[] = []
    const keys = new Set<string>()
    return {
      add(value) {
        if (value !== undefined && isNew(value, keys)) values.push(value)
      },
      result: () => values,
    }
  }
}

export const accumulators: Record<string, () => Accumulator> = {
  $sum: numbers((sum) => sum.value()),
  $avg: numbers((sum, count) => (count === 0 ? null : sum.value() / count)),
  $min: extreme(1),
  $max: extreme(-1),
  $first: running((current, value, count) => (count === 0 ? value : current)),
  $last: running((_current, value) => value),
  $mergeObjects: running((current, value) => mergeObjects([current ?? {}, value]) as Doc),
  $push: list(() => true),
  $addToSet: list((value, keys) => keys.size !== keys.add(keyOf(value)).size),
  $count: running((current) => ((current as number | undefined) ?? 0) + 1),
}

/** `$count` alone takes no expression. */
export function checkCount(operand: Value): void {
  if (typeof operand !== 'object' || operand === null || Object.keys(operand).length > 0) {
    fail('TypeMismatch', '$count takes no arguments, i.e. $count:{}')
  }
}
