// Comparisons, logic and choice. Missing comes before null. A branch that is not chosen is not evaluated.
import { compare } from '../../compare.ts'
import { type CodeName, fail } from '../../errors.ts'
import { isDoc, isTruthy, type Maybe, type Value } from '../../values.ts'
import type { Expression, Operator } from '../context.ts'
import { isNullish, listOf, namedSpecs, over } from './arguments.ts'

export function compareMaybe(a: Maybe, b: Maybe): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined)
  return compare(a, b)
}

function comparison(name: string, accept: (difference: number) => boolean): Operator {
  return over(name, 2, ([a, b]) => accept(compareMaybe(a, b)))
}

function connective(name: string, stopAt: boolean): Operator {
  return (operand, context, compile) => {
    const values = listOf(name, operand, undefined).map((spec) => compile(spec, context))
    return (scope) => values.some((value) => isTruthy(value(scope)) === stopAt) === stopAt
  }
}

const conditional: Operator = (operand, context, compile) => {
  const parts = isDoc(operand) ? conditionalParts(operand) : listOf('$cond', operand, 3)
  const [when, then, otherwise] = parts.map((part) => compile(part, context)) as [Expression, Expression, Expression]
  return (scope) => (isTruthy(when(scope)) ? then(scope) : otherwise(scope))
}

function conditionalParts(operand: Value): Value[] {
  const required = codes({ if: 'Location17080', else: 'Location17082' }, 'Location17081')
  const specs = namedSpecs('$cond', operand, { notDocument: 'Location17083', unknown: 'Location17083', required })
  return [specs.if!, specs.then!, specs.else!]
}

/** Adds the code of `then`. As a written property it would make the object look like a promise. */
function codes(others: Record<string, CodeName>, then: CodeName): Record<string, CodeName> {
  return Object.fromEntries([...Object.entries(others), ['then', then]])
}

/** The first argument that is neither null nor missing, or else the last one. */
const ifNull: Operator = (operand, context, compile) => {
  if (!Array.isArray(operand) || operand.length < 2) {
    return fail('Location1257300', '$ifNull needs at least two arguments')
  }
  const values = operand.map((spec) => compile(spec, context))
  return (scope) => {
    let value: Maybe
    for (const one of values) {
      value = one(scope)
      if (!isNullish(value)) break
    }
    return value
  }
}

const choice: Operator = (operand, context, compile) => {
  const specs = namedSpecs('$switch', operand, {
    notDocument: 'Location40060',
    unknown: 'Location40067',
    required: {},
    optional: ['branches', 'default'],
  })
  const { branches } = specs
  if (branches !== undefined && !Array.isArray(branches)) {
    return fail('Location40061', "$switch expected an array for 'branches'")
  }
  if (branches === undefined || branches.length === 0)
    return fail('Location40068', '$switch requires at least one branch.')
  const cases = branches.map((branch) => {
    const { case: when, then } = namedSpecs('$switch', branch, {
      notDocument: 'Location40062',
      unknown: 'Location40063',
      required: codes({ case: 'Location40064' }, 'Location40065'),
    })
    return { when: compile(when!, context), result: compile(then!, context) }
  })
  const otherwise = specs.default === undefined ? undefined : compile(specs.default, context)
  return (scope) => {
    for (const { when, result } of cases) if (isTruthy(when(scope))) return result(scope)
    if (otherwise !== undefined) return otherwise(scope)
    return fail('Location40066', '$switch could not find a matching branch for an input, and no default was specified.')
  }
}

export const logic: Record<string, Operator> = {
  $eq: comparison('$eq', (difference) => difference === 0),
  $ne: comparison('$ne', (difference) => difference !== 0),
  $gt: comparison('$gt', (difference) => difference > 0),
  $gte: comparison('$gte', (difference) => difference >= 0),
  $lt: comparison('$lt', (difference) => difference < 0),
  $lte: comparison('$lte', (difference) => difference <= 0),
  $cmp: over('$cmp', 2, ([a, b]) => Math.sign(compareMaybe(a, b))),
  $and: connective('$and', false),
  $or: connective('$or', true),
  $not: over('$not', 1, ([value]) => !isTruthy(value)),
  $cond: conditional,
  $ifNull: ifNull,
  $switch: choice,
}
