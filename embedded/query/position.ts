// Finds the array element that a filter matched. The positional `$` of an update stands for it. MongoDB defines the
// element only if the filter searches one array. If conditions on arrays give different positions, this server refuses.
import { BSONRegExp } from 'bson'
import { fail, notImplemented } from '../errors.ts'
import { splitPath } from '../paths.ts'
import { type Doc, field, isArrayIndex, isDoc, type Maybe, type Value } from '../values.ts'
import { isOperators } from './conditions.ts'
import { compileInnerFilter } from './filter.ts'

/** Throws BadValue if the filter does not search an array. */
export function matchedPosition(filter: Doc, doc: Doc): number {
  const positions = new Set<number>()
  const undecided = collect(filter, doc, positions)
  const [position, ...others] = positions
  if (others.length > 0) return notImplemented('the positional operator where several conditions on arrays matched')
  if (position !== undefined) return position
  if (undecided) return notImplemented('the positional operator with $or, $nor or $expr in the filter')
  return fail('BadValue', 'The positional operator did not find the match needed from the query.')
}

function collect(filter: Doc, doc: Doc, positions: Set<number>): boolean {
  let undecided = false
  for (const [name, operand] of Object.entries(filter)) {
    if (name === '$and') for (const branch of operand as Doc[]) undecided = collect(branch, doc, positions) || undecided
    else if (name.startsWith('$')) undecided ||= name !== '$comment'
    else
      for (const condition of single(operand)) {
        const position = positionOf(name, condition, doc)
        if (position !== undefined) positions.add(position)
      }
  }
  return undecided
}

/** The single conditions that look for a value. Conditions that forbid one, such as `$ne`, match no element. */
function single(operand: Value): Value[] {
  if (!isOperators(operand)) return [operand]
  return Object.entries(operand).flatMap(([operator, inner]): Value[] => {
    if (['$ne', '$nin', '$not', '$options'].includes(operator)) return []
    if (operator === '$all') return inner as Value[]
    if (operator === '$regex')
      return [{ $regex: inner, ...(operand.$options === undefined ? {} : { $options: operand.$options }) }]
    return [{ [operator]: inner }]
  })
}

function positionOf(path: string, condition: Value, doc: Doc): number | undefined {
  const parts = splitPath(path)
  let value: Maybe = doc
  let at = 0
  while (at < parts.length && !Array.isArray(value)) value = isDoc(value) ? field(value, parts[at++]!) : undefined
  if (!Array.isArray(value)) return undefined
  if (parts.slice(at).some(isArrayIndex)) return notImplemented('the positional operator with a position in the filter')
  const rest = parts.slice(at).join('.')
  const position = value.findIndex((element) => matchesElement(element, rest, condition))
  if (position === -1) return undefined
  if (rest !== '' && crossesArray(value[position]!, parts.slice(at))) {
    return notImplemented('the positional operator through several arrays')
  }
  return position
}

function matchesElement(element: Value, rest: string, condition: Value): boolean {
  if (rest !== '') return isDoc(element) && compileInnerFilter({ [rest]: condition })(element)
  if (isOperators(condition) && condition.$elemMatch !== undefined)
    return compileInnerFilter({ a: condition })({ a: [element] })
  if (isOperators(condition) && ['$size', '$exists'].includes(Object.keys(condition)[0]!)) return false
  // `$elemMatch` tests elements only: plain equality could also match the array as a whole.
  const operators = isOperators(condition) || condition instanceof BSONRegExp ? condition : { $eq: condition }
  const asked = operators instanceof BSONRegExp ? { $regex: operators } : operators
  return compileInnerFilter({ a: { $elemMatch: asked } })({ a: [element] })
}

function crossesArray(element: Value, parts: readonly string[]): boolean {
  let value: Maybe = element
  for (const part of parts) {
    if (Array.isArray(value)) return true
    value = isDoc(value) ? field(value, part) : undefined
  }
  return Array.isArray(value)
}
