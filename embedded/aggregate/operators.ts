// The expression operators, one line or function each. Arithmetic gives null for null and missing, and comparisons
// order missing before null, as MongoDB documents them.
import { compare } from '../compare.ts'
import { type CodeName, fail, notImplemented } from '../errors.ts'
import { Sum } from '../query/sum.ts'
import { isDoc, type Maybe, typeOf, type Value } from '../values.ts'
import type { Expression } from './expression.ts'

type Compile = (spec: Value) => Expression
type Operator = (operand: Value, compile: Compile) => Expression

/** An operator over evaluated arguments; `count` is how many there must be, if that is fixed. */
function over(name: string, count: number | undefined, evaluate: (values: Maybe[]) => Maybe): Operator {
  return (operand, compile) => {
    const specs = Array.isArray(operand) ? operand : [operand]
    if (count !== undefined && specs.length !== count) {
      fail('Location16020', `Expression ${name} takes exactly ${count} arguments. ${specs.length} were passed in.`)
    }
    const values = specs.map(compile)
    return (scope) => evaluate(values.map((value) => value(scope)))
  }
}

function comparison(name: string, accept: (difference: number) => boolean): Operator {
  return over(name, 2, ([a, b]) => accept(compareMaybe(a, b)))
}

export function compareMaybe(a: Maybe, b: Maybe): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined)
  return compare(a, b)
}

/** MongoDB's truth in expressions: false, null, 0 and missing are false. */
function truth(value: Maybe): boolean {
  return value !== undefined && value !== null && value !== false && value !== 0
}

function isNullish(value: Maybe): value is null | undefined {
  return value === undefined || value === null
}

function numeric(name: string, value: Maybe, code: CodeName = 'TypeMismatch'): number {
  if (typeof value === 'number') return value
  return fail(code, `${name} only supports numeric types, not ${typeOf(value as Value)}`)
}

function add(values: Maybe[]): Maybe {
  if (values.some(isNullish)) return null
  const dates = values.filter((value) => value instanceof Date)
  if (dates.length > 1) fail('Location16612', 'only one date allowed in an $add expression')
  const sum = new Sum()
  for (const value of values) if (!(value instanceof Date)) sum.add(numeric('$add', value))
  return dates.length === 0 ? sum.value() : moved(dates[0]!, sum.value())
}

function subtract([a, b]: Maybe[]): Maybe {
  if (isNullish(a) || isNullish(b)) return null
  if (a instanceof Date) return b instanceof Date ? a.getTime() - b.getTime() : moved(a, -numeric('$subtract', b))
  return exact([numeric('$subtract', a), numeric('$subtract', b)], (x, y) => x - y)
}

function moved(date: Date, by: number): Date {
  if (!Number.isInteger(by)) return notImplemented('a date moved by a fraction of a millisecond')
  const result = new Date(date.getTime() + by)
  return Number.isNaN(result.getTime()) ? notImplemented('a date out of range') : result
}

function multiply(values: Maybe[]): Maybe {
  if (values.some(isNullish)) return null
  return values.map((value) => numeric('$multiply', value)).reduce((a, b) => exact([a, b], (x, y) => x * y), 1)
}

function exact([a, b]: [number, number], operate: (a: number, b: number) => number): number {
  const result = operate(a, b)
  if (Number.isInteger(a) && Number.isInteger(b) && !Number.isSafeInteger(result)) {
    return notImplemented('an integer beyond 2^53')
  }
  return result
}

function divide([a, b]: Maybe[]): Maybe {
  if (isNullish(a) || isNullish(b)) return null
  const [left, right] = [numeric('$divide', a), numeric('$divide', b)]
  return right === 0 ? fail('BadValue', "can't $divide by zero") : left / right
}

function concat(values: Maybe[]): Maybe {
  if (values.some(isNullish)) return null
  for (const value of values) {
    if (typeof value !== 'string') fail('Location16702', `$concat only supports strings, not ${typeOf(value as Value)}`)
  }
  return values.join('')
}

function conditional(operand: Value, compile: Compile): Expression {
  const parts = Array.isArray(operand) ? operand : conditionalParts(operand)
  if (parts.length !== 3)
    fail('Location16020', `Expression $cond takes exactly 3 arguments. ${parts.length} were passed in.`)
  const [when, then, otherwise] = parts.map(compile) as [Expression, Expression, Expression]
  return (scope) => (truth(when(scope)) ? then(scope) : otherwise(scope))
}

function conditionalParts(operand: Value): Value[] {
  if (!isDoc(operand)) return [operand]
  for (const name of Object.keys(operand)) {
    if (!['if', 'then', 'else'].includes(name)) fail('Location17083', `Unrecognized parameter to $cond: ${name}`)
  }
  return ['if', 'then', 'else'].map(
    (name) => operand[name] ?? fail('Location17080', `Missing '${name}' parameter to $cond`),
  )
}

/** The first argument that is not null or missing, else the last. */
function ifNull(operand: Value, compile: Compile): Expression {
  if (!Array.isArray(operand) || operand.length < 2) {
    return fail('Location1257300', '$ifNull needs at least two arguments')
  }
  const values = operand.map(compile)
  return (scope) => {
    let value: Maybe
    for (const one of values) {
      value = one(scope)
      if (!isNullish(value)) break
    }
    return value
  }
}

export const expressionOperators: Record<string, Operator> = {
  $literal: (operand) => () => operand,
  $eq: comparison('$eq', (difference) => difference === 0),
  $ne: comparison('$ne', (difference) => difference !== 0),
  $gt: comparison('$gt', (difference) => difference > 0),
  $gte: comparison('$gte', (difference) => difference >= 0),
  $lt: comparison('$lt', (difference) => difference < 0),
  $lte: comparison('$lte', (difference) => difference <= 0),
  $cmp: over('$cmp', 2, ([a, b]) => Math.sign(compareMaybe(a, b))),
  $and: over('$and', undefined, (values) => values.every(truth)),
  $or: over('$or', undefined, (values) => values.some(truth)),
  $not: over('$not', 1, ([value]) => !truth(value)),
  $cond: conditional,
  $ifNull: ifNull,
  $add: over('$add', undefined, add),
  $subtract: over('$subtract', 2, subtract),
  $multiply: over('$multiply', undefined, multiply),
  $divide: over('$divide', 2, divide),
  $concat: over('$concat', undefined, concat),
  $size: over('$size', 1, ([value]) =>
    Array.isArray(value) ? value.length : fail('Location17124', 'The argument to $size must be an array'),
  ),
  $in: over('$in', 2, ([value, list]) =>
    Array.isArray(list)
      ? list.some((element) => compareMaybe(element, value) === 0)
      : fail('Location40081', '$in requires an array as a second argument'),
  ),
}
