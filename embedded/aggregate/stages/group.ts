// `$group`: documents with the same `_id` expression, gathered in the order of their first.
import { keyOf } from '../../compare.ts'
import { fail, notImplemented } from '../../errors.ts'
import { type Doc, isDoc, type Value } from '../../values.ts'
import { type Accumulator, accumulators, checkCount } from '../accumulators.ts'
import type { Context, Expression } from '../context.ts'
import { compileExpression } from '../expression.ts'
import { unsupportedAccumulators } from '../unsupported.ts'

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

/** Groups by what `id` gives, missing counting as null; `output` has an accumulator for each field. */
export function groupBy(id: Expression, output: Doc, context: Context): (documents: readonly Doc[]) => Doc[] {
  const fields = Object.entries(output).map(([name, operand]) => compileField(name, operand, context))
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
