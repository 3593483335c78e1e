// The expressions that bind variables: `$let`, `$map`, `$filter`, `$reduce`.
import { fail } from '../../errors.ts'
import { field, isDoc, isTruthy, type Value } from '../../values.ts'
import type { Operator } from '../context.ts'
import { withValues, withVariables } from '../context.ts'
import { checkVariable, isNullish, namedSpecs, typeName } from './arguments.ts'

const letIn: Operator = (operand, context, compile) => {
  const { vars, in: body } = namedSpecs('$let', operand, {
    notDocument: 'Location16874',
    unknown: 'Location16875',
    required: { vars: 'Location16876', in: 'Location16877' },
  })
  if (!isDoc(vars)) return fail('Location10065', 'invalid parameter: expected an object (vars)')
  const names = Object.keys(vars)
  names.forEach(checkVariable)
  const values = names.map((name) => compile(vars[name]!, context))
  const result = compile(body!, withVariables(context, names))
  return (scope) => result(withValues(scope, Object.fromEntries(names.map((name, at) => [name, values[at]!(scope)]))))
}

function variableName(spec: Value | undefined): string {
  if (spec === undefined) return 'this'
  if (typeof spec !== 'string') return fail('Location16866', 'the name of a variable must be a string')
  checkVariable(spec)
  return spec
}

const map: Operator = (operand, context, compile) => {
  const specs = namedSpecs('$map', operand, {
    notDocument: 'Location16878',
    unknown: 'Location16879',
    required: { input: 'Location16880', in: 'Location16882' },
    optional: ['as'],
  })
  const name = variableName(field(specs, 'as'))
  const input = compile(specs.input!, context)
  const each = compile(specs.in!, withVariables(context, [name]))
  return (scope) => {
    const list = input(scope)
    if (isNullish(list)) return null
    if (!Array.isArray(list)) return fail('Location16883', `input to $map must be an array not ${typeName(list)}`)
    return list.map((value) => each(withValues(scope, { [name]: value })) ?? null)
  }
}

const filter: Operator = (operand, context, compile) => {
  const specs = namedSpecs('$filter', operand, {
    notDocument: 'Location28646',
    unknown: 'Location28647',
    required: { input: 'Location28648', cond: 'Location28650' },
    optional: ['as', 'limit'],
  })
  const name = variableName(field(specs, 'as'))
  const input = compile(specs.input!, context)
  const test = compile(specs.cond!, withVariables(context, [name]))
  const limit = specs.limit === undefined ? undefined : compile(specs.limit, context)
  return (scope) => {
    const list = input(scope)
    if (isNullish(list)) return null
    if (!Array.isArray(list)) return fail('Location28651', `input to $filter must be an array not ${typeName(list)}`)
    const most = limit?.(scope) ?? Number.POSITIVE_INFINITY
    if (limit !== undefined && most !== Number.POSITIVE_INFINITY) checkLimit(most)
    const kept: Value[] = []
    for (const value of list) {
      if (kept.length >= (most as number)) break
      if (isTruthy(test(withValues(scope, { [name]: value })))) kept.push(value)
    }
    return kept
  }
}

function checkLimit(limit: Value): void {
  if (typeof limit !== 'number' || !Number.isInteger(limit)) {
    fail('Location327391', '$filter: limit must be represented as a 32-bit integral value')
  }
  if ((limit as number) < 1) fail('Location327392', '$filter: limit must be greater than 0')
}

const reduce: Operator = (operand, context, compile) => {
  const specs = namedSpecs('$reduce', operand, {
    notDocument: 'Location40075',
    unknown: 'Location40076',
    required: { input: 'Location40077', initialValue: 'Location40078', in: 'Location40079' },
  })
  const input = compile(specs.input!, context)
  const initial = compile(specs.initialValue!, context)
  const step = compile(specs.in!, withVariables(context, ['value', 'this']))
  return (scope) => {
    const list = input(scope)
    if (isNullish(list)) return null
    if (!Array.isArray(list)) {
      return fail('Location40080', `$reduce requires that 'input' be an array, found: ${typeName(list)}`)
    }
    let value = initial(scope)
    for (const one of list) value = step(withValues(scope, { value, this: one }))
    return value
  }
}

export const bindings: Record<string, Operator> = { $let: letIn, $map: map, $filter: filter, $reduce: reduce }
