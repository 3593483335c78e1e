// Operators that ask for an order: each is a range on a orderedType.

import { isInRange, type OrderedType, type Range } from '../ordered-types.ts'
import { type OperatorDefinition, required } from './operator.ts'

/** @param rangeOf the range that the one value of a comparison stands for. */
export function ordered<T>(
  orderedType: OrderedType<T>,
  relation: string,
  rangeOf: (value: T) => Range<T>,
): OperatorDefinition {
  return {
    ...onScale(orderedType, ([value]) => rangeOf(required(orderedType.parse(value!), value))),
    description: `One of the values held is a ${orderedType.noun} and ${relation}.`,
    takes: 'exactly one',
  }
}

/** From the first value to the second, both included. */
export function between<T>(orderedType: OrderedType<T>): OperatorDefinition {
  const endsOf = ([from, to]: readonly string[]) =>
    [required(orderedType.parse(from!), from), required(orderedType.parse(to!), to)] as const
  return {
    ...onScale(orderedType, (values) => {
      const [from, to] = endsOf(values)
      return { from: { value: from, included: true }, to: { value: to, included: true } }
    }),
    description: `One of the values held is a ${orderedType.noun} from the first of these to the second, both included.`,
    takes: 'exactly two',
    contradicts(values) {
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

function onScale<T>(orderedType: OrderedType<T>, rangeOf: (values: readonly string[]) => Range<T>) {
  return {
    comparesLetters: false,
    orderedType,
    rangeOf,
    misses: (value: string) => (orderedType.parse(value) === undefined ? orderedType.expected : undefined),
    compile(values: readonly string[]) {
      const range = rangeOf(values)
      return (held: Parameters<typeof orderedType.valuesIn>[0]) => {
        for (const value of orderedType.valuesIn(held)) if (isInRange(orderedType, range, value)) return true
        return false
      }
    },
  }
}
