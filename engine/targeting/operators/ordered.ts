// Operators that compare an order: each is a range of an ordered type. Example: VERSION_LT 8 is the range below 8, without 8.

import type { ContextValues } from '../context-values.ts'
import { isInRange, type OrderedType, type Range } from '../ordered-types.ts'
import { type OperatorDefinition, required } from './operator.ts'

/** @param rangeOf the range for the value of a comparison. */
export function ordered<T>(
  orderedType: OrderedType<T>,
  relation: string,
  rangeOf: (value: T) => Range<T>,
): OperatorDefinition {
  return {
    ...onOrderedType(orderedType, ([value]) => rangeOf(required(orderedType.parse(value!), value))),
    description: `One of the request's values is a ${orderedType.noun} and ${relation}.`,
    takes: 'exactly one',
  }
}

/** From the first value to the second, both included. */
export function between<T>(orderedType: OrderedType<T>): OperatorDefinition {
  const endsOf = ([from, to]: readonly string[]) =>
    [required(orderedType.parse(from!), from), required(orderedType.parse(to!), to)] as const
  return {
    ...onOrderedType(orderedType, (values) => {
      const [from, to] = endsOf(values)
      return { from: { value: from, included: true }, to: { value: to, included: true } }
    }),
    description: `One of the request's values is a ${orderedType.noun} from the first value to the second, both included.`,
    takes: 'exactly two',
    mistakeIn(values) {
      const [from, to] = endsOf(values)
      return orderedType.compare(from, to) > 0 ? 'must have the lower value first: it would never match' : undefined
    },
  }
}

export const below = <T>(value: T): Range<T> => ({ from: undefined, to: { value, included: false } })
export const atMost = <T>(value: T): Range<T> => ({ from: undefined, to: { value, included: true } })
export const above = <T>(value: T): Range<T> => ({ from: { value, included: false }, to: undefined })
export const atLeast = <T>(value: T): Range<T> => ({ from: { value, included: true }, to: undefined })
export const just = <T>(value: T): Range<T> => ({ from: { value, included: true }, to: { value, included: true } })

function onOrderedType<T>(orderedType: OrderedType<T>, rangeOf: (values: readonly string[]) => Range<T>) {
  return {
    comparesLetters: false,
    orderedType,
    rangeOf,
    expectedInstead: (value: string) => (orderedType.parse(value) === undefined ? orderedType.expected : undefined),
    compile(values: readonly string[]) {
      const range = rangeOf(values)
      return (actual: ContextValues) => {
        for (const value of orderedType.valuesIn(actual)) if (isInRange(orderedType, range, value)) return true
        return false
      }
    },
  }
}
