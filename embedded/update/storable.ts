// The rules for stored documents that MongoDB checks on every insert and update: `_id`, field names, depth.
import { BSONRegExp, ObjectId } from 'bson'
import { fail } from '../errors.ts'
import { type Doc, typeOf, type Value } from '../values.ts'

const maxDepth = 100

/** The document as it is stored: `_id` stands first, and is generated if it is missing. */
export function storable(doc: Doc): Doc {
  checkId(doc._id)
  checkValue(doc, 1)
  if (Object.keys(doc)[0] === '_id') return doc
  const { _id, ...rest } = doc
  return { _id: _id ?? new ObjectId(), ...rest }
}

function checkId(id: Value | undefined): void {
  if (Array.isArray(id)) fail('InvalidIdField', "The '_id' value cannot be of type array")
  if (id instanceof BSONRegExp) fail('InvalidIdField', "The '_id' value cannot be of type regex")
}

/** Throws Overflow if the value is too deep, and DollarPrefixedFieldName if a field name begins with `$`. */
export function checkValue(value: Value, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    checkDepth(depth)
    for (const element of value) checkValue(element, depth + 1)
  } else if (typeOf(value) === 'object') {
    checkDepth(depth)
    for (const [name, inner] of Object.entries(value)) {
      if (name.startsWith('$')) {
        fail(
          'DollarPrefixedFieldName',
          `The dollar ($) prefixed field '${name}' in '${name}' is not valid for storage.`,
        )
      }
      checkValue(inner, depth + 1)
    }
  }
}

function checkDepth(depth: number): void {
  if (depth > maxDepth) fail('Overflow', `BSONObj exceeds maximum nested object depth: ${maxDepth}`)
}
