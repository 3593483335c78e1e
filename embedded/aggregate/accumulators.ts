// The accumulators of `$group`. Each one makes, for one group, an object that takes values and gives the result. Some
// of them are expressions, too.
import { compare, keyOf } from '../compare.ts'
import { fail } from '../errors.ts'
import type { Doc, Maybe, Value } from '../values.ts'
import type { Operator } from './context.ts'
import { Sum } from './expressions/arithmetic.ts'
import { mergeObjects } from './expressions/objects.ts'

export interface Accumulator {
  add(value: Maybe): void
  result(): Value
}

/** A running value that each `add` can replace. The result of undefined is null. */
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

/** The least (`sign` 1) or greatest (-1) value, without null and missing. */
function extreme(sign: 1 | -1): () => Accumulator {
  return running((current, value) => {
    if (value === undefined || value === null) return current
    return current === undefined || compare(value, current) * sign < 0 ? value : current
  })
}

/** Only numbers count. */
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

/** `$count` is the only accumulator without an expression. */
export function checkCount(operand: Value): void {
  if (typeof operand !== 'object' || operand === null || Object.keys(operand).length > 0) {
    fail('TypeMismatch', '$count takes no arguments, i.e. $count:{}')
  }
}

/** The accumulator as an expression: over its arguments, or over the elements of a single array. */
function accumulatorExpression(make: () => Accumulator): Operator {
  return (operand, context, compile) => {
    const specs = Array.isArray(operand) ? operand : [operand]
    const values = specs.map((spec) => compile(spec, context))
    return (scope) => {
      const accumulator = make()
      const given = values.map((value) => value(scope))
      const single = given.length === 1 && Array.isArray(given[0]) ? given[0] : given
      for (const value of single) accumulator.add(value)
      return accumulator.result()
    }
  }
}

/** The accumulators that are also expressions. */
export const accumulatorExpressions: Record<string, Operator> = Object.fromEntries(
  ['$sum', '$avg', '$min', '$max'].map((name) => [name, accumulatorExpression(accumulators[name]!)]),
)
