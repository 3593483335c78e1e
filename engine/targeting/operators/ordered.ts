// Operators that ask for an order: each is a range on a scale.

import { isInRange, type Range, type Scale } from '../scales.ts'
import { type OperatorDefinition, required } from './operator.ts'

/** @param rangeOf the range that the one value of a comparison stands for. */
export function ordered<T>(scale: Scale<T>, relation: string, rangeOf: (value: T) => Range<T>): OperatorDefinition {
  return {
    ...onScale(scale, ([value]) => rangeOf(required(scale.parse(value!), value))),
    description: `One of the values held is a ${scale.noun} and ${relation}.`,
    takes: 'exactly one',
  }
}

/** From the first value to the second, both included. */
export function between<T>(scale: Scale<T>): OperatorDefinition {
  const endsOf = ([from, to]: readonly string[]) =>
    [required(scale.parse(from!), from), required(scale.parse(to!), to)] as const
  return {
    ...onScale(scale, (values) => {
      const [from, to] = endsOf(values)
      return { from: { value: from, included: true }, to: { value: to, included: true } }
    }),
    description: `One of the values held is a ${scale.noun} from the first of these to the second, both included.`,
    takes: 'exactly two',
    contradicts(values) {
      const [from, to] = endsOf(values)
      return scale.compare(from, to) > 0 ? 'must have the lower value first: it would never match' : undefined
    },
  }
}

export const below = <T>(value: T): Range<T> => ({ from: undefined, to: { value, included: false } })
export const atMost = <T>(value: T): Range<T> => ({ from: undefined, to: { value, included: true } })
export const above = <T>(value: T): Range<T> => ({ from: { value, included: false }, to: undefined })
export const atLeast = <T>(value: T): Range<T> => ({ from: { value, included: true }, to: undefined })
export const just = <T>(value: T): Range<T> => ({ from: { value, included: true }, to: { value, included: true } })

function onScale<T>(scale: Scale<T>, rangeOf: (values: readonly string[]) => Range<T>) {
  return {
    comparesLetters: false,
    scale,
    rangeOf,
    misses: (value: string) => (scale.parse(value) === undefined ? scale.expected : undefined),
    compile(values: readonly string[]) {
      const range = rangeOf(values)
      return (held: Parameters<typeof scale.valuesIn>[0]) => {
        for (const value of scale.valuesIn(held)) if (isInRange(scale, range, value)) return true
        return false
      }
    },
  }
}
