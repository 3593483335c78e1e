// The accumulators that are also expressions: over their arguments, or over the array that a single one gives.
import type { Accumulator } from '../accumulators.ts'
import { accumulators } from '../accumulators.ts'
import type { Operator } from './arguments.ts'

function folding(make: () => Accumulator): Operator {
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

export const folds: Record<string, Operator> = Object.fromEntries(
  ['$sum', '$avg', '$min', '$max'].map((name) => [name, folding(accumulators[name]!)]),
)
