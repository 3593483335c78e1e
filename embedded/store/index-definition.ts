// The definition of an index: parsed from createIndexes, stored, and listed by listIndexes. Kinds and options of
// indexes that this server does not have are refused.
import { compare, identical } from '../compare.ts'
import { type CodeName, fail, notImplemented } from '../errors.ts'
import { compileFilter } from '../query/filter.ts'
import { type Doc, isDoc, type Value } from '../values.ts'

export interface IndexDefinition {
  name: string
  key: Record<string, 1 | -1>
  unique: boolean
  sparse: boolean
  partialFilterExpression?: Doc
  expireAfterSeconds?: number
}

export const idIndex: IndexDefinition = { name: '_id_', key: { _id: 1 }, unique: true, sparse: false }

const options = ['v', 'key', 'name', 'unique', 'sparse', 'partialFilterExpression', 'expireAfterSeconds', 'background']
const partialOperators = ['$eq', '$exists', '$gt', '$gte', '$lt', '$lte', '$type', '$in', '$and', '$or']

export function parseIndex(spec: Value): IndexDefinition {
  if (!isDoc(spec)) return fail('TypeMismatch', 'each index must be an object')
  for (const option of Object.keys(spec)) {
    // MongoDB still accepts `background`, which has no effect since 4.2.
    if (!options.includes(option)) notImplemented(`the index option '${option}'`)
  }
  if (spec.v !== undefined && spec.v !== 2) notImplemented(`the index version ${spec.v}`)
  if (typeof spec.name !== 'string' || spec.name === '')
    fail('FailedToParse', "The 'name' field is a required property of an index specification")
  const definition: IndexDefinition = {
    name: spec.name as string,
    key: parseKey(spec.key),
    unique: flag(spec, 'unique'),
    sparse: flag(spec, 'sparse'),
  }
  if (spec.partialFilterExpression !== undefined) {
    definition.partialFilterExpression = parsePartialFilter(spec.partialFilterExpression)
    if (definition.sparse) fail('CannotCreateIndex', 'cannot mix "partialFilterExpression" and "sparse" options')
  }
  if (spec.expireAfterSeconds !== undefined) definition.expireAfterSeconds = parseExpiry(spec)
  return definition
}

function parseKey(key: Value | undefined): Record<string, 1 | -1> {
  if (!isDoc(key)) return fail('TypeMismatch', "The field 'key' must be an object")
  const paths = Object.keys(key)
  if (paths.length === 0) fail('CannotCreateIndex', 'Index keys cannot be empty.')
  if (paths.length > 32) fail('CannotCreateIndex', 'Index key pattern has more than 32 fields')
  for (const path of paths) {
    const direction = key[path]
    if (typeof direction === 'string') notImplemented(`an index of the kind '${direction}'`)
    if (direction !== 1 && direction !== -1)
      fail('CannotCreateIndex', `Values in the index key pattern must be 1 or -1 ('${path}')`)
    if (path.split('.').some((part) => part === '' || part.startsWith('$') || part === '$**')) {
      fail('CannotCreateIndex', `Index keys cannot contain an empty field or one that starts with '$' ('${path}')`)
    }
  }
  return key as Record<string, 1 | -1>
}

function flag(spec: Doc, name: string): boolean {
  const value = spec[name] ?? false
  if (typeof value !== 'boolean' && typeof value !== 'number') {
    return fail('TypeMismatch', `The field '${name}' has value ${name}, which is not convertible to bool`)
  }
  return Boolean(value)
}

function parsePartialFilter(filter: Value): Doc {
  if (!isDoc(filter)) return fail('TypeMismatch', "The field 'partialFilterExpression' must be an object")
  checkPartialOperators(filter)
  compileFilter(filter)
  return filter
}

function checkPartialOperators(filter: Value): void {
  if (Array.isArray(filter)) for (const branch of filter) checkPartialOperators(branch)
  if (!isDoc(filter)) return
  for (const [name, operand] of Object.entries(filter)) {
    if (name.startsWith('$') && !partialOperators.includes(name)) {
      fail('CannotCreateIndex', `Expression not supported in partial index: ${name}`)
    }
    if (name === '$exists' && operand !== true)
      fail('CannotCreateIndex', 'Expression not supported in partial index: $not')
    checkPartialOperators(operand)
  }
}

function parseExpiry(spec: Doc): number {
  const seconds = spec.expireAfterSeconds
  const invalid: CodeName = 'CannotCreateIndex'
  if (typeof seconds !== 'number') return fail('TypeMismatch', "The field 'expireAfterSeconds' must be a number")
  if (seconds < 0 || seconds > 2_147_483_647)
    fail(invalid, 'TTL index expireAfterSeconds must be within 0 and 2147483647')
  const paths = Object.keys(spec.key as Doc)
  if (paths.length > 1) fail(invalid, 'TTL indexes are single-field indexes, compound indexes do not support TTL')
  if (paths[0] === '_id') fail('InvalidOptions', 'The _id field does not support TTL indexes')
  return seconds
}

/** Whether two definitions are the same, apart from their names. */
export function sameIndex(a: IndexDefinition, b: IndexDefinition): boolean {
  return sameKey(a, b) && identical(optionsOf(a), optionsOf(b))
}

export function sameKey(a: IndexDefinition, b: IndexDefinition): boolean {
  return compare(a.key, b.key) === 0
}

function optionsOf(definition: IndexDefinition): Doc {
  const { name: _name, key: _key, ...rest } = definition
  return rest as unknown as Doc
}

/** The definition as `listIndexes` shows it: without the options that are off. */
export function describeIndex(definition: IndexDefinition): Doc {
  const { name, key, unique, sparse, partialFilterExpression, expireAfterSeconds } = definition
  const description: Doc = { v: 2, key, name }
  if (unique && name !== idIndex.name) description.unique = true
  if (sparse) description.sparse = true
  if (partialFilterExpression !== undefined) description.partialFilterExpression = partialFilterExpression
  if (expireAfterSeconds !== undefined) description.expireAfterSeconds = expireAfterSeconds
  return description
}
