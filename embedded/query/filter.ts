// Compiles a filter document to a function over documents. The operators it knows are the lines of the two tables
// below; everything else is refused, with MongoDB's code where the filter is wrong.
import { BSONRegExp } from 'bson'
import { fail, notImplemented } from '../errors.ts'
import { someAt, splitPath } from '../paths.ts'
import { type Doc, isDoc, type Maybe, type Value } from '../values.ts'
import { comparison, exists, oneOf, regex, size, type Test, type } from './predicates.ts'

export type Filter = (doc: Doc) => boolean

/** A condition on a path: `single` asks it of one value, `leaf` says whether an array's elements are asked as well. */
interface Condition {
  single: Test
  leaf: boolean
  negated?: boolean
}

const conditions: Record<string, (operand: Value) => Condition[]> = {
  $eq: (operand) => [{ single: comparison('$eq', operand), leaf: true }],
  $ne: (operand) => {
    if (operand instanceof BSONRegExp) fail('BadValue', "Can't have regex as arg to $ne.")
    return [{ single: comparison('$eq', operand), leaf: true, negated: true }]
  },
  $gt: (operand) => [{ single: comparison('$gt', operand), leaf: true }],
  $gte: (operand) => [{ single: comparison('$gte', operand), leaf: true }],
  $lt: (operand) => [{ single: comparison('$lt', operand), leaf: true }],
  $lte: (operand) => [{ single: comparison('$lte', operand), leaf: true }],
  $in: (operand) => [{ single: oneOf('$in', operand), leaf: true }],
  $nin: (operand) => [{ single: oneOf('$nin', operand), leaf: true, negated: true }],
  $exists: (operand) => {
    const { wanted, test } = exists(operand)
    return [{ single: test, leaf: false, negated: !wanted }]
  },
  $type: (operand) => [{ single: type(operand), leaf: true }],
  $size: (operand) => [{ single: size(operand), leaf: false }],
  $all: all,
  $elemMatch: (operand) => [{ single: elemMatch(operand), leaf: false }],
  $not: (operand) => [negation(operand)],
}

const knownToMongo = new Set([
  ...['$mod', '$where', '$text', '$jsonSchema', '$near', '$nearSphere', '$geoWithin', '$geoIntersects', '$within'],
  ...['$bitsAllSet', '$bitsAllClear', '$bitsAnySet', '$bitsAnyClear', '$expr', '$sampleRate', '$alwaysTrue'],
  ...['$alwaysFalse', '$maxDistance', '$minDistance', '$geoNear', '$ref', '$id', '$db'],
])

/** Throws BadValue, FailedToParse or NotImplemented for what it cannot answer exactly. */
export function compileFilter(filter: Doc): Filter {
  const parts = Object.entries(filter).map(([name, operand]) => compileEntry(name, operand))
  if (parts.length === 1) return parts[0]!
  return (doc) => parts.every((part) => part(doc))
}

function compileEntry(name: string, operand: Value): Filter {
  if (!name.startsWith('$')) return compilePath(name, operand)
  switch (name) {
    case '$and': {
      const branches = compileBranches(name, operand)
      return (doc) => branches.every((branch) => branch(doc))
    }
    case '$or': {
      const branches = compileBranches(name, operand)
      return (doc) => branches.some((branch) => branch(doc))
    }
    case '$nor': {
      const branches = compileBranches(name, operand)
      return (doc) => !branches.some((branch) => branch(doc))
    }
    case '$comment':
      return () => true
  }
  if (knownToMongo.has(name)) return notImplemented(`the query operator ${name}`)
  return fail(
    'BadValue',
    `unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.`,
  )
}

function compileBranches(name: string, operand: Value): Filter[] {
  if (!Array.isArray(operand)) return fail('BadValue', `${name} must be an array`)
  if (operand.length === 0) return fail('BadValue', '$and/$or/$nor must be a nonempty array')
  return operand.map((branch) => {
    if (!isDoc(branch)) return fail('BadValue', '$or/$and/$nor entries need to be full objects')
    return compileFilter(branch)
  })
}

function compilePath(path: string, operand: Value): Filter {
  const parts = splitPath(path)
  const tests = conditionsOf(operand).map((condition): Filter => {
    const negated = condition.negated === true
    return (doc) => someAt(doc, parts, 0, condition.leaf, condition.single) !== negated
  })
  return tests.length === 1 ? tests[0]! : (doc) => tests.every((test) => test(doc))
}

/** Whether a value in a filter is a set of operators rather than a value to equal. */
export function isOperators(operand: Maybe): operand is Doc {
  return isDoc(operand) && (Object.keys(operand)[0]?.startsWith('$') ?? false)
}

function conditionsOf(operand: Value): Condition[] {
  if (operand instanceof BSONRegExp) return [{ single: regex(operand, undefined), leaf: true }]
  if (!isOperators(operand)) return conditions.$eq!(operand)
  return Object.entries(operand).flatMap(([operator, inner]) => {
    if (operator === '$regex') return [{ single: regex(inner, operand.$options), leaf: true }]
    if (operator === '$options') {
      return operand.$regex === undefined ? fail('BadValue', '$options needs a $regex') : []
    }
    const make = Object.hasOwn(conditions, operator) ? conditions[operator] : undefined
    if (make !== undefined) return make(inner)
    if (knownToMongo.has(operator)) return notImplemented(`the query operator ${operator}`)
    return fail('BadValue', `unknown operator: ${operator}`)
  })
}

/** All of a path's conditions asked of one value that is not expanded any further, as in `$elemMatch: { $gt: 1 }`. */
function singleTest(list: Condition[]): Test {
  return (value) => list.every((condition) => condition.single(value) !== (condition.negated === true))
}

/** `$not` holds where its conditions, asked along the whole path, do not. */
function negation(operand: Value): Condition {
  if (!(operand instanceof BSONRegExp) && !isDoc(operand)) return fail('BadValue', '$not needs a regex or a document')
  if (isDoc(operand) && Object.keys(operand).length === 0) return fail('BadValue', '$not cannot be empty')
  if (isDoc(operand) && !isOperators(operand)) {
    return fail('BadValue', `unknown operator: ${Object.keys(operand)[0]}`)
  }
  const inner = conditionsOf(operand)
  // Several conditions, or one that is itself negated, would each have to search the path on their own.
  if (inner.length !== 1 || (isDoc(operand) && operand.$not !== undefined)) {
    return notImplemented('$not over several conditions')
  }
  return { ...inner[0]!, negated: inner[0]!.negated !== true }
}

/** `$all` is the conjunction of equalities (or `$elemMatch`es); of none, it matches nothing. */
function all(operand: Value): Condition[] {
  if (!Array.isArray(operand)) return fail('BadValue', '$all needs an array')
  if (operand.length === 0) return [{ single: () => false, leaf: false }]
  const matches = operand.filter((value) => isDoc(value) && Object.hasOwn(value, '$elemMatch'))
  if (matches.length > 0) {
    return operand.map((value) => {
      if (!isDoc(value) || Object.keys(value).join() !== '$elemMatch') {
        return fail('BadValue', '$all/$elemMatch has to be consistent')
      }
      return { single: elemMatch(value.$elemMatch!), leaf: false }
    })
  }
  return operand.flatMap((value) => {
    if (isOperators(value)) return fail('BadValue', 'no $ expressions in $all')
    return conditionsOf(value)
  })
}

/** Some element of the array satisfies everything: conditions on the element's fields, or on the element itself. */
function elemMatch(operand: Value): Test {
  if (!isDoc(operand)) return fail('BadValue', '$elemMatch needs an Object')
  const first = Object.keys(operand)[0]
  if (first?.startsWith('$') && !['$and', '$or', '$nor', '$comment'].includes(first)) {
    const test = singleTest(conditionsOf(operand))
    return (value) => Array.isArray(value) && value.some(test)
  }
  const filter = compileFilter(operand)
  return (value) =>
    Array.isArray(value) &&
    value.some((element) => {
      // MongoDB sees an inner array as a document whose fields are its positions.
      if (Array.isArray(element)) return filter(Object.fromEntries(element.entries()))
      return isDoc(element) && filter(element)
    })
}
