// The update operators. Each is a function from the current value at a path and the operand to the new value, or to
// UNCHANGED or UNSET. The table at the end lists all of them.
import { compare, equal } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { conditions, isOperators } from '../query/conditions.ts'
import { compileInnerFilter } from '../query/filter.ts'
import { type Doc, isDoc, type Maybe, show, typeOf, type Value } from '../values.ts'
import { pushArguments, pushed } from './push.ts'

export const UNCHANGED = Symbol('unchanged')
export const UNSET = Symbol('unset')
type Outcome = Value | typeof UNCHANGED | typeof UNSET

/** Where an operator is applied, and when. */
export interface Place {
  path: string
  id: Maybe
  now: Date
}

export interface UpdateOperator {
  /** Checks the operand once, before any document is read. */
  check?(operand: Value, path: string): void
  apply(current: Maybe, operand: Value, place: Place): Outcome
  /** The operator applies only when an upsert inserts a document. */
  onInsert?: boolean
}

function increment(current: Maybe, operand: Value, place: Place): Outcome {
  if (current === undefined) return operand
  if (typeof current !== 'number') {
    return notNumeric('$inc', current, place)
  }
  return exactSum(current, operand as number)
}

/** MongoDB adds 64-bit integers exactly. A JavaScript number cannot beyond 2^53, so those results are refused. */
function exactSum(a: number, b: number): number {
  const sum = a + b
  if (Number.isInteger(a) && Number.isInteger(b) && !Number.isSafeInteger(sum)) {
    return notImplemented('an integer beyond 2^53')
  }
  return sum
}

function push(current: Maybe, operand: Value, place: Place): Outcome {
  return pushed(arrayAt(current, place, '$push'), operand)
}

function multiply(current: Maybe, operand: Value, place: Place): Outcome {
  if (current === undefined) return 0
  if (typeof current !== 'number') return notNumeric('$mul', current, place)
  const product = current * (operand as number)
  if (!Number.isInteger(current) || !Number.isInteger(operand)) return product
  if (!Number.isSafeInteger(product)) return notImplemented('an integer beyond 2^53')
  // An integer has no negative zero.
  return product + 0
}

function notNumeric(operator: string, current: Value, place: Place): never {
  return fail(
    'TypeMismatch',
    `Cannot apply ${operator} to a value of non-numeric type. ${show({ _id: place.id ?? null })} has the field '${place.path}' of non-numeric type ${typeOf(current)}`,
  )
}

function pop(current: Maybe, operand: Value, place: Place): Outcome {
  if (current === undefined) return UNCHANGED
  if (!Array.isArray(current)) {
    return fail('TypeMismatch', `Path '${place.path}' contains an element of non-array type '${typeOf(current)}'`)
  }
  if (current.length === 0) return UNCHANGED
  return operand === 1 ? current.slice(0, -1) : current.slice(1)
}

function pullAll(current: Maybe, operand: Value, place: Place): Outcome {
  return removeFrom(current, place, (element) => (operand as Value[]).some((value) => equal(value, element)))
}

/** `true` and `{ $type: 'date' }` both set the date of the server. */
function checkCurrentDate(operand: Value): void {
  if (typeof operand === 'boolean') return
  if (!isDoc(operand)) {
    fail(
      'BadValue',
      `${typeOf(operand)} is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).`,
    )
  }
  for (const name of Object.keys(operand as Doc)) {
    if (name !== '$type') fail('BadValue', `Unrecognized $currentDate option: ${name}`)
  }
  const { $type: type } = operand as Doc
  if (type === 'timestamp') notImplemented('the type timestamp of $currentDate')
  if (type !== 'date')
    fail(
      'BadValue',
      "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}",
    )
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
  return removeFrom(current, place, pullTest(operand))
}

function removeFrom(current: Maybe, place: Place, matches: (element: Value) => boolean): Outcome {
  if (current === undefined) return UNCHANGED
  if (!Array.isArray(current))
    return fail('BadValue', `Cannot apply $pull to a non-array value (in the field '${place.path}')`)
  const kept = current.filter((element) => !matches(element))
  return kept.length === current.length ? UNCHANGED : kept
}

/** Operators test the element itself, a document tests the fields of elements, any other value tests equality. */
function pullTest(operand: Value): (element: Value) => boolean {
  const asksElement = isOperators(operand) && Object.hasOwn(conditions, Object.keys(operand)[0]!)
  if (asksElement || typeOf(operand) === 'regex') {
    const filter = compileInnerFilter({ element: operand })
    return (element) => filter({ element })
  }
  if (isDoc(operand)) {
    const filter = compileInnerFilter(operand)
    return (element) => isDoc(element) && filter(element)
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

function checkNumeric(verb: string): (operand: Value, path: string) => void {
  return (operand, path) => {
    if (typeof operand !== 'number') {
      fail('TypeMismatch', `Cannot ${verb} with non-numeric argument: ${show({ [path]: operand })}`)
    }
  }
}

export const updateOperators: Record<string, UpdateOperator> = {
  $set: { apply: (_current, operand) => operand },
  $setOnInsert: { apply: (_current, operand) => operand, onInsert: true },
  $unset: { apply: () => UNSET },
  // Renaming concerns two paths, so operator-update.ts does it.
  $rename: { apply: () => UNCHANGED },
  $currentDate: { check: checkCurrentDate, apply: (_current, _operand, place) => place.now },
  $inc: { check: checkNumeric('increment'), apply: increment },
  $mul: { check: checkNumeric('multiply'), apply: multiply },
  $min: { apply: (current, operand) => (current === undefined || compare(operand, current) < 0 ? operand : UNCHANGED) },
  $max: { apply: (current, operand) => (current === undefined || compare(operand, current) > 0 ? operand : UNCHANGED) },
  $push: { check: (operand) => void pushArguments(operand), apply: push },
  $addToSet: { check: (operand) => void setValues(operand), apply: addToSet },
  $pop: {
    check(operand) {
      if (operand !== 1 && operand !== -1) fail('FailedToParse', `$pop expects 1 or -1, found: ${show(operand)}`)
    },
    apply: pop,
  },
  $pull: { check: (operand) => void pullTest(operand), apply: pull },
  $pullAll: {
    check(operand) {
      if (!Array.isArray(operand))
        fail('BadValue', `$pullAll requires an array argument but was given a ${typeOf(operand)}`)
    },
    apply: pullAll,
  },
}
