// MongoDB's order and equality of values: first by type, then by value (documentation, "Comparison/Sort Order").
// `keyOf` gives two values the same string exactly if `compare` gives 0 for them.
import type { Binary, BSONRegExp, ObjectId } from 'bson'
import { type Doc, type TypeName, typeOf, type Value } from './values.ts'

/** The index or sort key of an empty array. It sorts before null, as MongoDB's `undefined` does. */
export const EMPTY = Symbol('empty array')
export type Key = Value | typeof EMPTY

const order: Record<TypeName, number> = {
  null: 1,
  number: 2,
  string: 3,
  object: 4,
  array: 5,
  binData: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  regex: 10,
}

/** The rank of the type of a value. Only values of equal rank can satisfy `$lt`, `$gte` and so on. */
export function typeRank(value: Key): number {
  return value === EMPTY ? 0 : order[typeOf(value)]
}

/** Negative, zero or positive, as `Array.sort` expects. */
export function compare(a: Key, b: Key): number {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (typeof a === 'number' && typeof b === 'number') return compareNumbers(a, b)
  const rank = typeRank(a)
  const difference = rank - typeRank(b)
  if (difference !== 0) return difference
  switch (rank) {
    case order.object:
      return compareDocuments(a as Doc, b as Doc)
    case order.array:
      return compareArrays(a as Value[], b as Value[])
    case order.binData:
      return compareBinaries(a as Binary, b as Binary)
    case order.objectId:
      return Buffer.compare((a as ObjectId).id, (b as ObjectId).id)
    case order.bool:
      return Number(a) - Number(b)
    case order.date:
      return (a as Date).getTime() - (b as Date).getTime()
    case order.regex:
      return (
        compareStrings((a as BSONRegExp).pattern, (b as BSONRegExp).pattern) ||
        compareStrings((a as BSONRegExp).options, (b as BSONRegExp).options)
      )
    default:
      return 0
  }
}

export function equal(a: Key, b: Key): boolean {
  return a === b || compare(a, b) === 0
}

/** The same string for equal values, and for no others. -0 equals 0, and NaN equals NaN. */
export function keyOf(value: Key): string {
  if (typeof value === 'string') return `s${value}`
  if (value === EMPTY) return 'e'
  if (typeof value === 'number') return `n${value === 0 ? 0 : value}`
  switch (typeOf(value)) {
    case 'object':
      return `{${Object.entries(value as Doc).map(([name, inner]) => `${JSON.stringify(name)}${nested(inner)}`)}}`
    case 'array':
      return `[${(value as Value[]).map(nested)}]`
    case 'binData':
      return `b${(value as Binary).sub_type}:${Buffer.from((value as Binary).value()).toString('base64')}`
    case 'objectId':
      return `i${(value as ObjectId).toHexString()}`
    case 'date':
      return `d${(value as Date).getTime()}`
    case 'regex':
      return `r${JSON.stringify([(value as BSONRegExp).pattern, (value as BSONRegExp).options])}`
    default:
      return String(value) // null, true or false: no other key begins like these
  }
}

/** The key of a value inside an array or a document. It must show where it ends, so text is quoted. */
function nested(value: Value): string {
  return typeof value === 'string' ? JSON.stringify(value) : keyOf(value)
}

function compareNumbers(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  // NaN is less than every number and equal to itself.
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a))
}

/** MongoDB compares UTF-8 bytes, which is the order of code points. JavaScript's `<` compares UTF-16 units. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right)
      return left >= 0xd800 && right >= 0xd800 ? codePointRank(left) - codePointRank(right) : left - right
  }
  return a.length - b.length
}

/** Ranks surrogates (for code points from U+10000 on) above U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

function compareDocuments(a: Doc, b: Doc): number {
  const left = Object.keys(a)
  const right = Object.keys(b)
  for (let at = 0; at < left.length && at < right.length; at++) {
    const leftValue = a[left[at]!]!
    const rightValue = b[right[at]!]!
    const difference =
      typeRank(leftValue) - typeRank(rightValue) ||
      compareStrings(left[at]!, right[at]!) ||
      compare(leftValue, rightValue)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function compareArrays(a: Value[], b: Value[]): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const difference = compare(a[at]!, b[at]!)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function compareBinaries(a: Binary, b: Binary): number {
  return a.length() - b.length() || a.sub_type - b.sub_type || Buffer.compare(a.value(), b.value())
}

/** Whether writing one value over the other changes nothing: equal, even in order of fields and sign of zero. */
export function identical(a: Value, b: Value): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const type = typeOf(a)
  if (type !== typeOf(b)) return false
  if (type === 'array') {
    const right = b as Value[]
    return (a as Value[]).length === right.length && (a as Value[]).every((value, at) => identical(value, right[at]!))
  }
  if (type !== 'object') return compare(a, b) === 0
  const left = Object.keys(a)
  const right = Object.keys(b)
  return (
    left.length === right.length &&
    left.every((name, at) => name === right[at] && identical((a as Doc)[name]!, (b as Doc)[name]!))
  )
}
