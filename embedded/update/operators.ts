// The update operators, one function each: given the value at a path and the operator's operand, the value to put
// there, or UNCHANGED. The table at the end is the list of those that exist.
import { compare, equal } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { compileFilter, isOperators } from '../query/filter.ts'
import { type Doc, field, isDoc, type Maybe, show, typeOf, type Value } from '../values.ts'

export const UNCHANGED = Symbol('unchanged')
export const UNSET = Symbol('unset')
type Outcome = Value | typeof UNCHANGED | typeof UNSET

/** What an operator is told of its place, for its messages. */
export interface Place {
  path: string
  id: Maybe
}

export interface UpdateOperator {
  /** Checks the operand once, before any document is looked at. */
  check?(operand: Value, path: string): void
  apply(current: Maybe, operand: Value, place: Place): Outcome
  /** Applied only when an upsert makes a document. */
  onInsert?: boolean
}

function increment(current: Maybe, operand: Value, place: Place): Outcome {
  if (current === undefined) return operand
  if (typeof current !== 'number') {
    return fail(
      'TypeMismatch',
      `Cannot apply $inc to a value of non-numeric type. ${show({ _id: place.id ?? null })} has the field '${place.path}' of non-numeric type ${typeOf(current)}`,
    )
  }
  return exactSum(current, operand as number)
}

/** MongoDB adds 64-bit integers exactly; beyond 2^53 we could not. */
function exactSum(a: number, b: number): number {
  const sum = a + b
  if (Number.isInteger(a) && Number.isInteger(b) && !Number.isSafeInteger(sum)) {
    return notImplemented('an integer beyond 2^53')
  }
  return sum
}

function push(current: Maybe, operand: Value, place: Place): Outcome {
  const { each, position, slice } = pushArguments(operand)
  const array = arrayAt(current, place, '$push')
  const at = position === undefined ? array.length : position < 0 ? Math.max(0, array.length + position) : position
  const pushed = [...array.slice(0, at), ...each, ...array.slice(at)]
  if (slice === undefined) return pushed
  return slice >= 0 ? pushed.slice(0, slice) : pushed.slice(slice)
}

function pushArguments(operand: Value): { each: Value[]; position?: number | undefined; slice?: number | undefined } {
  if (!isDoc(operand) || field(operand, '$each') === undefined) {
    // Without $each the other modifiers are ordinary fields to MongoDB, and as such not valid for storage.
    return { each: [operand] }
  }
  for (const name of Object.keys(operand)) {
    if (name === '$sort') notImplemented('the modifier $sort of $push')
    if (!['$each', '$slice', '$position'].includes(name)) fail('BadValue', `Unrecognized clause in $push: ${name}`)
  }
  const each = operand.$each
  if (!Array.isArray(each))
    return fail('BadValue', `The argument to $each in $push must be an array but it was of type: ${typeOf(each!)}`)
  return { each, position: wholeNumber(operand, '$position'), slice: wholeNumber(operand, '$slice') }
}

function wholeNumber(operand: Doc, name: string): number | undefined {
  const value = operand[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return fail('BadValue', `The value for ${name} must be an integer value but was given ${show(value)}`)
  }
  return value
}

function addToSet(current: Maybe, operand: Value, place: Place): Outcome {
  const array = arrayAt(current, place, '$addToSet')
  const result = [...array]
  for (const value of setValues(operand)) {
    if (!result.some((other) => equal(other, value))) result.push(value)
  }
  return current !== undefined && result.length === array.length ? UNCHANGED : result
}

function setValues(operand: Value): Value[] {
  if (!isDoc(operand) || Object.keys(operand)[0] !== '$each') return [operand]
  if (Object.keys(operand).length > 1)
    fail('BadValue', `Found unexpected fields after $each in $addToSet: ${show(operand)}`)
  if (!Array.isArray(operand.$each)) {
    return fail(
      'TypeMismatch',
      `The argument to $each in $addToSet must be an array but it was of type ${typeOf(operand.$each!)}`,
    )
  }
  return operand.$each
}

function pull(current: Maybe, operand: Value, place: Place): Outcome {
  if (current === undefined) return UNCHANGED
  if (!Array.isArray(current))
    return fail('BadValue', `Cannot apply $pull to a non-array value (in the field '${place.path}')`)
  const matches = pullTest(operand)
  const kept = current.filter((element) => !matches(element))
  return kept.length === current.length ? UNCHANGED : kept
}

/** Operators are asked of the element itself, a document's fields of elements that are documents, else equality. */
function pullTest(operand: Value): (element: Value) => boolean {
  if (isOperators(operand)) {
    const filter = compileFilter({ element: { $elemMatch: operand } })
    return (element) => filter({ element: [element] })
  }
  if (isDoc(operand)) {
    const filter = compileFilter(operand)
    return (element) => isDoc(element) && filter(element)
  }
  if (typeOf(operand) === 'regex') {
    const filter = compileFilter({ element: { $in: [operand] } })
    return (element) => !Array.isArray(element) && filter({ element })
  }
  return (element) => equal(element, operand)
}

function arrayAt(current: Maybe, place: Place, operator: string): Value[] {
  if (current === undefined) return []
  if (Array.isArray(current)) return current
  const found = `but is of type ${typeOf(current)} in document ${show({ _id: place.id ?? null })}`
  if (operator === '$push') return fail('BadValue', `The field '${place.path}' must be an array ${found}`)
  return fail(
    'BadValue',
    `Cannot apply ${operator} to non-array field. Field named '${place.path}' has non-array type ${typeOf(current)}`,
  )
}

export const updateOperators: Record<string, UpdateOperator> = {
  $set: { apply: (_current, operand) => operand },
  $setOnInsert: { apply: (_current, operand) => operand, onInsert: true },
  $unset: { apply: () => UNSET },
  $inc: {
    check(operand, path) {
      if (typeof operand !== 'number') {
        fail('TypeMismatch', `Cannot increment with non-numeric argument: ${show({ [path]: operand })}`)
      }
    },
    apply: increment,
  },
  $min: { apply: (current, operand) => (current === undefined || compare(operand, current) < 0 ? operand : UNCHANGED) },
  $max: { apply: (current, operand) => (current === undefined || compare(operand, current) > 0 ? operand : UNCHANGED) },
  $push: { check: (operand) => void pushArguments(operand), apply: push },
  $addToSet: { check: (operand) => void setValues(operand), apply: addToSet },
  $pull: { check: (operand) => void pullTest(operand), apply: pull },
}
