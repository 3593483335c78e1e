// The values in documents, and functions on single values. The decoder refuses all other types of BSON. `undefined`
// always means that a field is missing.
import { Binary, BSONRegExp, ObjectId } from 'bson'

export type Value = null | string | number | boolean | Date | ObjectId | Binary | BSONRegExp | Value[] | Doc
export interface Doc {
  [field: string]: Value
}
export type Maybe = Value | undefined

/** MongoDB's names of types, for messages and `$type`. This server has one numeric type only. */
export type TypeName =
  | 'null'
  | 'number'
  | 'string'
  | 'object'
  | 'array'
  | 'binData'
  | 'objectId'
  | 'bool'
  | 'date'
  | 'regex'

export function typeOf(value: Value): TypeName {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return 'number'
    case 'boolean':
      return 'bool'
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (value instanceof Date) return 'date'
  if (value instanceof ObjectId) return 'objectId'
  if (value instanceof Binary) return 'binData'
  if (value instanceof BSONRegExp) return 'regex'
  return 'object'
}

export function isDoc(value: Maybe): value is Doc {
  return value !== undefined && typeof value === 'object' && value !== null && typeOf(value) === 'object'
}

/** The field of a document. Never an inherited property, such as `constructor`. */
export function field(doc: Doc, name: string): Maybe {
  return Object.hasOwn(doc, name) ? doc[name] : undefined
}

/** A value as MongoDB's messages write it: `{ a: 1, b: "x" }`. */
export function show(value: Maybe): string {
  if (value === undefined) return 'missing'
  switch (typeOf(value)) {
    case 'array':
      return (value as Value[]).length === 0 ? '[]' : `[ ${(value as Value[]).map(show).join(', ')} ]`
    case 'object': {
      const fields = Object.entries(value as Doc).map(([name, inner]) => `${name}: ${show(inner)}`)
      return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
    }
    case 'objectId':
      return `ObjectId('${(value as ObjectId).toHexString()}')`
    case 'date':
      return `new Date(${(value as Date).getTime()})`
    case 'binData': {
      const binary = value as Binary
      return `BinData(${binary.sub_type}, ${Buffer.from(binary.value()).toString('hex').toUpperCase()})`
    }
    case 'regex':
      return `/${(value as BSONRegExp).pattern}/${(value as BSONRegExp).options}`
    case 'string':
      return JSON.stringify(value)
    default:
      return String(value)
  }
}

/** Whether a name is an array index, such as "7". A JavaScript object puts such names first, in ascending order. */
export function isArrayIndex(name: string): boolean {
  const first = name.charCodeAt(0)
  return first >= 48 && first <= 57 && String(Number(name) >>> 0) === name && name !== '4294967295'
}

/** What counts as true in a flag or an expression: everything but false, null, 0 and missing. */
export function isTruthy(value: Maybe): boolean {
  return value !== undefined && value !== null && value !== false && value !== 0
}
