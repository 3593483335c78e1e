// The test that each query operator makes on one value. `undefined` is a missing field, and most operators treat it as
// null. Finding the values along a path is the task of the filter.
import { BSONRegExp } from 'bson'
import { compare, keyOf, typeRank } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { isDoc, isTruthy, type Maybe, typeOf, type Value } from '../values.ts'
import { compileBsonRegex, compileRegex } from './regex.ts'

export type Test = (value: Maybe) => boolean

type Comparison = '$eq' | '$gt' | '$gte' | '$lt' | '$lte'

const accepts: Record<Comparison, (difference: number) => boolean> = {
  $eq: (difference) => difference === 0,
  $gt: (difference) => difference > 0,
  $gte: (difference) => difference >= 0,
  $lt: (difference) => difference < 0,
  $lte: (difference) => difference <= 0,
}

/** `$eq`, `$gt`, `$gte`, `$lt`, `$lte`. A value of another type than the operand's never satisfies them. */
export function comparison(operator: Comparison, operand: Value): Test {
  if (operator !== '$eq' && operand instanceof BSONRegExp) {
    fail('BadValue', `Can't have RegEx as arg to predicate over field`)
  }
  const accept = accepts[operator]
  const withEqual = accept(0)
  if (operand === null) return (value) => (value ?? null) === null && withEqual
  const rank = typeRank(operand)
  const notANumber = Number.isNaN(operand)
  return (value) => {
    if (value === undefined || typeRank(value) !== rank) return false
    if (notANumber || Number.isNaN(value)) return notANumber && Number.isNaN(value) && withEqual
    return accept(compare(value, operand))
  }
}

/** `$in`: a value that equals one of the operand's, or a string that matches one of its regular expressions. */
export function oneOf(operator: string, operand: Value): Test {
  if (!Array.isArray(operand)) return fail('BadValue', `${operator} needs an array`)
  for (const value of operand) {
    if (isDoc(value) && Object.keys(value)[0]?.startsWith('$')) fail('BadValue', `cannot nest $ under ${operator}`)
  }
  const keys = new Set(operand.map(keyOf))
  const regexes = operand.filter((value) => value instanceof BSONRegExp).map(compileBsonRegex)
  return (value) => {
    if (keys.has(keyOf(value ?? null))) return true
    return typeof value === 'string' && regexes.some((regex) => regex.test(value))
  }
}

/** A regular expression matches strings, and a stored regular expression that is the same. */
export function regex(pattern: Value, options: Maybe): Test {
  if (options !== undefined && typeof options !== 'string') return fail('BadValue', '$options has to be a string')
  let source: BSONRegExp
  if (typeof pattern === 'string' && pattern.includes('\0'))
    fail('BadValue', 'Regular expression cannot contain an embedded null byte')
  // Check the options here, because the BSONRegExp constructor throws an error of its own for wrong ones.
  compileRegex('', options ?? '')
  if (typeof pattern === 'string') source = new BSONRegExp(pattern, options ?? '')
  else if (!(pattern instanceof BSONRegExp)) return fail('BadValue', '$regex has to be a string')
  else if (options !== undefined && pattern.options !== '') {
    return fail('Location51075', 'options set in both $regex and $options')
  } else source = new BSONRegExp(pattern.pattern, options ?? pattern.options)
  const compiled = compileRegex(source.pattern, source.options)
  return (value) => {
    if (typeof value === 'string') return compiled.test(value)
    return value instanceof BSONRegExp && compare(value, source) === 0
  }
}

export function exists(operand: Value): { wanted: boolean; test: Test } {
  return { wanted: isTruthy(operand), test: (value) => value !== undefined }
}

export function size(operand: Value): Test {
  if (typeof operand !== 'number') return fail('FailedToParse', 'Failed to parse $size. Expected a number')
  if (!Number.isInteger(operand)) return fail('FailedToParse', 'Failed to parse $size. Expected an integer')
  if (operand < 0) return fail('FailedToParse', 'Failed to parse $size. Expected a non-negative number')
  return (value) => Array.isArray(value) && value.length === operand
}

const typeNumbers: Record<number, string> = {
  2: 'string',
  3: 'object',
  4: 'array',
  5: 'binData',
  7: 'objectId',
  8: 'bool',
  9: 'date',
  10: 'null',
  11: 'regex',
  // The types that this server never stores: they find nothing.
  [-1]: 'minKey',
  6: 'undefined',
  12: 'dbPointer',
  13: 'javascript',
  14: 'symbol',
  15: 'javascriptWithScope',
  17: 'timestamp',
  19: 'decimal',
  127: 'maxKey',
  1: 'double',
  16: 'int',
  18: 'long',
}
const numericTypes = ['double', 'int', 'long']

/** `$type` by name or number. This server has one numeric type, so `number` is allowed and `int` is refused. */
export function type(operand: Value): Test {
  const wanted = new Set<string>((Array.isArray(operand) ? operand : [operand]).map(parseTypeName))
  if (wanted.size === 0) fail('FailedToParse', '$type must match at least one type')
  return (value) => value !== undefined && wanted.has(typeOf(value))
}

function parseTypeName(operand: Value): string {
  if (typeof operand !== 'string' && typeof operand !== 'number') {
    return fail('TypeMismatch', 'type must be represented as a number or a string')
  }
  const name = typeof operand === 'number' ? typeNumbers[operand] : operand
  if (name === undefined) return fail('BadValue', `Invalid numerical type code: ${operand}`)
  if (numericTypes.includes(name)) return notImplemented(`$type: ${operand} (all numeric types are 'number' here)`)
  if (!Object.values(typeNumbers).includes(name) && name !== 'number')
    return fail('BadValue', `Unknown type name alias: ${name}`)
  return name
}
