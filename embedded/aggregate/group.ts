// `$group`: documents with the same `_id` expression, gathered in the order of their first.
import { keyOf } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import { type Accumulator, accumulators, checkCount } from './accumulators.ts'
import { compileExpression, type Expression } from './expression.ts'

interface GroupField {
  name: string
  make: () => Accumulator
  value: Expression
}

export function compileGroup(spec: Value): (documents: readonly Doc[]) => Doc[] {
  if (!isDoc(spec)) return fail('Location15947', "a group's fields must be specified in an object")
  if (spec._id === undefined) fail('Location15955', 'a group specification must include an _id')
  const id = compileExpression(spec._id!)
  const fields = Object.entries(spec).flatMap(([name, operand]) =>
    name === '_id' ? [] : [compileField(name, operand)],
  )
  return (documents) => {
    const groups = new Map<string, { id: Value; values: Accumulator[] }>()
    for (const doc of documents) {
      const scope = { doc, variables: {} }
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

function compileField(name: string, operand: Value): GroupField {
  if (name.includes('.')) fail('Location40235', `The field name '${name}' cannot contain '.'`)
  if (name.startsWith('$')) fail('Location40236', `The field name '${name}' cannot be an operator name`)
  if (!isDoc(operand)) return fail('Location40234', `The field '${name}' must be an accumulator object`)
  const [operator, ...more] = Object.keys(operand)
  if (operator === undefined || more.length > 0)
    fail('Location40238', `The field '${name}' must specify one accumulator`)
  const make = Object.hasOwn(accumulators, operator!) ? accumulators[operator!] : undefined
  if (make === undefined) return notImplemented(`the accumulator ${operator}`)
  const argument = operand[operator!]!
  if (operator === '$count') checkCount(argument)
  // MongoDB evaluates an array here as one expression, except that it refuses several arguments.
  if (Array.isArray(argument) && operator !== '$push' && operator !== '$addToSet') {
    notImplemented(`an array as the argument of the accumulator ${operator}`)
  }
  return { name, make, value: operator === '$count' ? () => 1 : compileExpression(argument) }
}
