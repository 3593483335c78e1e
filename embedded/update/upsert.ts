// The document that an upsert starts from: the equalities in its filter. { a: 1, b: { $eq: 2 }, c: { $gt: 3 } } gives
// { a: 1, b: 2 }.
import { BSONRegExp } from 'bson'
import { compareStrings } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { isOperators } from '../query/conditions.ts'
import type { Doc, Value } from '../values.ts'
import { Draft } from './draft.ts'

/** MongoDB forbids `$expr` in the filter of an upsert. */
export function checkUpsertFilter(filter: Doc): void {
  if (filter.$expr !== undefined)
    fail('QueryFeatureNotAllowed', '$expr is not allowed in the query predicate for an upsert')
  for (const name of ['$and', '$or', '$nor']) {
    for (const branch of (filter[name] ?? []) as Doc[]) checkUpsertFilter(branch)
  }
}

export function upsertBase(filter: Doc, onlyId: boolean): Doc {
  const equalities = new Map<string, Value>()
  collect(filter, equalities)
  const draft = new Draft({})
  // Fields are set in the order of their paths, not in that of the filter.
  for (const [path, value] of [...equalities].sort(([a], [b]) => compareStrings(a, b))) {
    if (onlyId && path !== '_id') {
      if (path.startsWith('_id.')) notImplemented('an upsert with a replacement and a filter inside _id')
      continue
    }
    for (const other of equalities.keys()) {
      if (other.startsWith(`${path}.`)) {
        fail('NotSingleValueField', `cannot infer query fields to set, both paths '${path}' and '${other}' are matched`)
      }
    }
    draft.set(splitPath(path), value)
  }
  return draft.root
}

function collect(filter: Doc, equalities: Map<string, Value>): void {
  for (const [name, operand] of Object.entries(filter)) {
    if (name === '$and') for (const branch of operand as Doc[]) collect(branch, equalities)
    else if (name === '$or' && (operand as Doc[]).length === 1) collect((operand as Doc[])[0]!, equalities)
    else if (!name.startsWith('$')) collectPath(name, operand, equalities)
  }
}

function collectPath(path: string, operand: Value, equalities: Map<string, Value>): void {
  if (operand instanceof BSONRegExp) return
  if (!isOperators(operand)) {
    add(path, operand, equalities)
    return
  }
  for (const [operator, value] of Object.entries(operand)) {
    if (operator === '$eq') add(path, value, equalities)
    // MongoDB reads these as an equality or not, depending on how it rewrites the filter.
    if (operator === '$in' && Array.isArray(value) && value.length === 1) {
      notImplemented('an upsert that inserts with $in of one value in its filter')
    }
    if (operator === '$all' && Array.isArray(value) && value.length > 0) {
      notImplemented('an upsert that inserts with $all in its filter')
    }
  }
}

function add(path: string, value: Value, equalities: Map<string, Value>): void {
  if (equalities.has(path)) {
    fail('NotSingleValueField', `cannot infer query fields to set, path '${path}' is matched twice`)
  }
  equalities.set(path, value)
}
