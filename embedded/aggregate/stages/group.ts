// The stages that group documents: `$group`, `$bucket` (by ranges of a value) and `$sortByCount` (by value, the largest
// group first). Groups come in the order of their first documents.

import { compare, keyOf, typeRank } from '../../compare.ts'
import { fail, notImplemented } from '../../errors.ts'
import { unsupportedAccumulators } from '../../unsupported.ts'
import { type Doc, isDoc, type Maybe, type Value } from '../../values.ts'
import { type Accumulator, accumulators, checkCount } from '../accumulators.ts'
import type { Context, Expression } from '../context.ts'
import { scopeOf } from '../context.ts'
import { compileExpression } from '../expression.ts'
import { compareMaybe } from '../expressions/logic.ts'
import { isPathOrOperator, type MakeStage } from './stage.ts'

interface GroupField {
  name: string
  make: () => Accumulator
  value: Expression
}

export function compileGroup(spec: Value, context: Context): (documents: readonly Doc[]) => Doc[] {
  if (!isDoc(spec)) return fail('Location15947', "a group's fields must be specified in an object")
  const { _id: id, ...fields } = spec
  if (id === undefined) return fail('Location15955', 'a group specification must include an _id')
  return groupBy(compileExpression(id, context), fields, context)
}

/** Groups by the value of `id`, where missing counts as null. `output` has an accumulator for each field. */
export function groupBy(id: Expression, output: Doc, context: Context): (documents: readonly Doc[]) => Doc[] {
  const fields = Object.entries(output).map(([name, operand]) => compileField(name, operand, context))
  return (documents) => {
    const groups = new Map<string, { id: Value; values: Accumulator[] }>()
    for (const doc of documents) {
      const scope = scopeOf(doc)
      const value = id(scope) ?? null
      const key = keyOf(value)
      let group = groups.get(key)
      if (group === undefined) {
        group = { id: value, values: fields.map((field) => field.make()) }
        groups.set(key, group)
      }
      for (const [at, field] of fields.entries()) group.values[at]!.add(field.value(scope))
    }
    return [...groups.values()].map((group) => {
      const result: Doc = { _id: group.id }
      for (const [at, field] of fields.entries()) result[field.name] = group.values[at]!.result()
      return result
    })
  }
}

function compileField(name: string, operand: Value, context: Context): GroupField {
  if (name.includes('.')) fail('Location40235', `The field name '${name}' cannot contain '.'`)
  if (name.startsWith('$')) fail('Location40236', `The field name '${name}' cannot be an operator name`)
  if (!isDoc(operand)) return fail('Location40234', `The field '${name}' must be an accumulator object`)
  const [operator, ...more] = Object.keys(operand)
  if (operator === undefined || more.length > 0)
    return fail('Location40238', `The field '${name}' must specify one accumulator`)
  const make = Object.hasOwn(accumulators, operator) ? accumulators[operator] : undefined
  if (make === undefined) {
    if (unsupportedAccumulators.has(operator)) return notImplemented(`the accumulator ${operator}`)
    return fail('Location15952', `unknown group operator '${operator}'`)
  }
  const argument = operand[operator]!
  if (Array.isArray(argument)) fail('Location40237', `The ${operator} accumulator is a unary operator`)
  if (operator === '$count') checkCount(argument)
  return { name, make, value: operator === '$count' ? () => 1 : compileExpression(argument, context) }
}

const defaultOutput = { count: { $sum: 1 } }

export const bucket: MakeStage = (spec, context) => {
  if (!isDoc(spec)) return fail('Location40201', 'Argument to $bucket stage must be an object')
  for (const name of Object.keys(spec)) {
    if (!['groupBy', 'boundaries', 'default', 'output'].includes(name))
      fail('Location40197', `Unrecognized option to $bucket: ${name}`)
  }
  const { groupBy: key, output = defaultOutput } = spec
  if (key === undefined || spec.boundaries === undefined)
    return fail('Location40198', "$bucket requires 'groupBy' and 'boundaries' to be specified.")
  if (!isPathOrOperator(key))
    fail('Location40202', "The $bucket 'groupBy' field must be defined as a $-prefixed path or an expression")
  if (!isDoc(output)) return fail('Location40196', "The $bucket 'output' field must be an object")
  const boundaries = parseBoundaries(spec.boundaries)
  const otherwise = spec.default === undefined ? undefined : constant(spec.default)
  if (
    otherwise !== undefined &&
    compare(otherwise, boundaries[0]!) >= 0 &&
    compare(otherwise, boundaries.at(-1)!) < 0
  ) {
    fail(
      'Location40199',
      "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary.",
    )
  }
  const value = compileExpression(key, context)
  const group = groupBy((scope) => bucketOf(value(scope), boundaries, otherwise), output, context)
  return (documents) => group(documents).toSorted((a, b) => compare(a._id!, b._id!))
}

/** The lower boundary of the range that holds the value. Values of different types compare as in expressions. */
function bucketOf(value: Maybe, boundaries: readonly Value[], otherwise: Value | undefined): Value {
  for (let at = 0; at < boundaries.length - 1; at++) {
    if (compareMaybe(value, boundaries[at]) >= 0 && compareMaybe(value, boundaries[at + 1]) < 0) return boundaries[at]!
  }
  if (otherwise !== undefined) return otherwise
  return fail('Location40066', '$switch could not find a matching branch for an input, and no default was specified.')
}

function parseBoundaries(spec: Value): Value[] {
  if (!Array.isArray(spec)) return fail('Location40200', "The $bucket 'boundaries' field must be an array")
  const boundaries = spec.map(constant)
  if (boundaries.length < 2) fail('Location40192', "The $bucket 'boundaries' field must have at least 2 values")
  for (let at = 1; at < boundaries.length; at++) {
    const [low, high] = [boundaries[at - 1]!, boundaries[at]!]
    if (typeRank(low) !== typeRank(high))
      fail('Location40193', "All values in the 'boundaries' option to $bucket must have the same type")
    if (compare(low, high) >= 0)
      fail('Location40194', "The 'boundaries' option to $bucket must be sorted in ascending order")
  }
  return boundaries
}

function constant(spec: Value): Value {
  if (isDoc(spec) && Object.keys(spec).join() === '$literal') return spec.$literal!
  if (typeof spec === 'string' && spec.startsWith('$'))
    return fail('Location40191', 'The $bucket boundaries and default must be constant values')
  if (isDoc(spec) || Array.isArray(spec))
    return notImplemented('a boundary or default of $bucket that is no plain constant')
  return spec
}

export const sortByCount: MakeStage = (spec, context) => {
  if (isDoc(spec) ? !Object.keys(spec)[0]?.startsWith('$') : typeof spec !== 'string') {
    fail(
      isDoc(spec) ? 'Location40147' : 'Location40149',
      'the sortByCount field must be defined as a $-prefixed path or an expression inside an object',
    )
  }
  if (typeof spec === 'string' && !spec.startsWith('$'))
    fail(
      'Location40148',
      'the sortByCount field must be defined as a $-prefixed path or an expression inside an object',
    )
  const group = compileGroup({ _id: spec, count: { $sum: 1 } }, context)
  return (documents) => group(documents).toSorted((a, b) => compare(b.count!, a.count!))
}
