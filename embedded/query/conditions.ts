// The conditions on one path of a filter, such as { $gt: 1, $lt: 5 }. A condition asks, through `Ask`, whether some
// value on the path passes a test. The table lists all operators.
import { BSONRegExp } from 'bson'
import { fail, notImplemented } from '../errors.ts'
import { unsupportedQueryOperators } from '../unsupported.ts'
import { type Doc, isDoc, type Maybe, type Value } from '../values.ts'
import { comparison, exists, oneOf, regex, size, type Test, type } from './predicates.ts'

/** Whether `test` holds for some value on the path. `intoLeaf`: test the elements of an array at the end, too. */
export type Ask = (test: Test, intoLeaf: boolean) => boolean
export type Condition = (ask: Ask) => boolean
/** Compiles the filter inside `$elemMatch`. It is a parameter, so that this file and filter.ts form no import cycle. */
export type CompileInner = (filter: Doc) => (doc: Doc) => boolean
type MakeConditions = (operand: Value, compile: CompileInner, all: Doc) => Condition[]

function positive(make: (operand: Value) => Test): MakeConditions {
  return (operand) => {
    const test = make(operand)
    return [(ask) => ask(test, true)]
  }
}

function negative(make: (operand: Value) => Test): MakeConditions {
  return (operand) => {
    const test = make(operand)
    return [(ask) => !ask(test, true)]
  }
}

export const conditions: Record<string, MakeConditions> = {
  $eq: positive((operand) => comparison('$eq', operand)),
  $ne: negative((operand) => {
    if (operand instanceof BSONRegExp) fail('BadValue', "Can't have regex as arg to $ne.")
    return comparison('$eq', operand)
  }),
  $gt: positive((operand) => comparison('$gt', operand)),
  $gte: positive((operand) => comparison('$gte', operand)),
  $lt: positive((operand) => comparison('$lt', operand)),
  $lte: positive((operand) => comparison('$lte', operand)),
  $in: positive((operand) => oneOf('$in', operand)),
  $nin: negative((operand) => oneOf('$nin', operand)),
  $exists: (operand) => {
    const { wanted, test } = exists(operand)
    return [(ask) => ask(test, false) === wanted]
  },
  $type: positive(type),
  $size: (operand) => {
    const test = size(operand)
    return [(ask) => ask(test, false)]
  },
  $all: all,
  $elemMatch: (operand, compile) => {
    const test = elemMatch(operand, compile)
    return [(ask) => ask(test, false)]
  },
  $not: negation,
  $regex: (operand, _compile, { $options: options }) => {
    const test = regex(operand, options)
    return [(ask) => ask(test, true)]
  },
  $options: (_operand, _compile, { $regex: pattern }) =>
    pattern === undefined ? fail('BadValue', '$options needs a $regex') : [],
}

/** Whether a value in a filter holds operators, as { $gt: 1 } does. Any other value is compared for equality. */
export function isOperators(operand: Maybe): operand is Doc {
  return isDoc(operand) && (Object.keys(operand)[0]?.startsWith('$') ?? false)
}

/** The conditions that a value in a filter makes. All of them must hold. */
export function conditionsOf(operand: Value, compile: CompileInner): Condition[] {
  if (operand instanceof BSONRegExp) {
    const test = regex(operand, undefined)
    return [(ask) => ask(test, true)]
  }
  if (!isOperators(operand)) return conditions.$eq!(operand, compile, {})
  return Object.entries(operand).flatMap(([operator, inner]) => {
    const make = Object.hasOwn(conditions, operator) ? conditions[operator] : undefined
    if (make !== undefined) return make(inner, compile, operand)
    if (unsupportedQueryOperators.has(operator)) return notImplemented(`the query operator ${operator}`)
    if (operator === '$expr') return fail('BadValue', '$expr can only be applied to the top-level document')
    return fail('BadValue', `unknown operator: ${operator}`)
  })
}

/** `$not` holds if one of its conditions does not hold. Each condition looks at the whole path. */
function negation(operand: Value, compile: CompileInner): Condition[] {
  if (!(operand instanceof BSONRegExp) && !isDoc(operand)) return fail('BadValue', '$not needs a regex or a document')
  if (isDoc(operand) && Object.keys(operand).length === 0) return fail('BadValue', '$not cannot be empty')
  if (isDoc(operand) && !isOperators(operand)) {
    return fail('BadValue', `unknown operator: ${Object.keys(operand)[0]}`)
  }
  const inner = conditionsOf(operand, compile)
  return [(ask) => !inner.every((condition) => condition(ask))]
}

/** `$all` means that all its equalities (or `$elemMatch`es) hold. An empty `$all` matches nothing. */
function all(operand: Value, compile: CompileInner): Condition[] {
  if (!Array.isArray(operand)) return fail('BadValue', '$all needs an array')
  if (operand.length === 0) return [() => false]
  const matches = operand.some((value) => isDoc(value) && Object.hasOwn(value, '$elemMatch'))
  return operand.flatMap((value) => {
    if (matches && (!isDoc(value) || Object.keys(value).join() !== '$elemMatch')) {
      return fail('BadValue', '$all/$elemMatch has to be consistent')
    }
    if (!matches && isOperators(value)) return fail('BadValue', 'no $ expressions in $all')
    return conditionsOf(value, compile)
  })
}

/** One element of the array satisfies all conditions: on its fields, or on the element itself. */
export function elemMatch(operand: Value, compile: CompileInner): Test {
  const test = elementTest(operand, compile)
  return (value) => Array.isArray(value) && value.some(test)
}

export function elementTest(operand: Value, compile: CompileInner): Test {
  if (!isDoc(operand)) return fail('BadValue', '$elemMatch needs an Object')
  const first = Object.keys(operand)[0]
  if (first?.startsWith('$') && !['$and', '$or', '$nor', '$comment', '$expr', '$where'].includes(first)) {
    const list = conditionsOf(operand, compile)
    // An element that is an array is tested as a whole.
    return (value) => list.every((condition) => condition((test) => test(value)))
  }
  const filter = compile(operand)
  return (element) => {
    // MongoDB treats an inner array as a document with its positions as field names.
    if (Array.isArray(element)) return filter(Object.fromEntries(element.entries()))
    return isDoc(element) && filter(element)
  }
}
