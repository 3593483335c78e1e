// Arrays, their elements, and arrays as sets. Null and missing give null. Any other value than an array is an error.
import { compare, keyOf } from '../../compare.ts'
import { type CodeName, fail } from '../../errors.ts'
import type { Maybe, Value } from '../../values.ts'
import type { Operator } from '../context.ts'
import { isNullish, over, typeName, wholeNumber } from './arguments.ts'
import { compareMaybe } from './logic.ts'

function array(value: Maybe, code: CodeName, name: string): Value[] {
  return Array.isArray(value) ? value : fail(code, `${name} requires an array argument, found: ${typeName(value)}`)
}

function element([list, index]: Maybe[]): Maybe {
  if (isNullish(list) || isNullish(index)) return null
  const values = array(list, 'Location28689', '$arrayElemAt')
  if (typeof index !== 'number')
    return fail('Location28690', `$arrayElemAt's second argument must be a numeric value, but is ${typeName(index)}`)
  const at = wholeNumber(index, 'Location28691', "$arrayElemAt's second argument")
  return values[at < 0 ? values.length + at : at]
}

function end(name: string, pick: (values: Value[]) => Maybe): Operator {
  return over(name, 1, ([list]) => (isNullish(list) ? null : pick(array(list, 'Location28689', name))))
}

function slice(values: Maybe[]): Maybe {
  if (values.some(isNullish)) return null
  const list = array(values[0], 'Location28724', '$slice')
  const first = sliceNumber(values[1], 'Location28725', 'Location28726')
  if (values.length === 2) return first >= 0 ? list.slice(0, first) : list.slice(first)
  const count = sliceNumber(values[2], 'Location28727', 'Location28728')
  if (count <= 0) fail('Location28729', `Third argument to $slice must be positive: ${count}`)
  const from = first < 0 ? Math.max(0, list.length + first) : first
  return list.slice(from, from + count)
}

function sliceNumber(value: Maybe, notNumber: CodeName, notWhole: CodeName): number {
  if (typeof value !== 'number')
    return fail(notNumber, `an argument to $slice must be numeric, but is of type: ${typeName(value)}`)
  return wholeNumber(value, notWhole, 'an argument to $slice')
}

function range(values: Maybe[]): Maybe {
  // The default step is 1. A step that is given but missing in the document is an error.
  const [start, stop, by] = values.length === 2 ? [...values, 1] : values
  if (typeof start !== 'number')
    fail('Location34443', `$range requires a numeric starting value, found value of type: ${typeName(start)}`)
  const from = wholeNumber(start, 'Location34444', "$range's starting value")
  if (typeof stop !== 'number')
    fail('Location34445', `$range requires a numeric ending value, found value of type: ${typeName(stop)}`)
  const to = wholeNumber(stop, 'Location34446', "$range's ending value")
  if (typeof by !== 'number')
    fail('Location34447', `$range requires a numeric step value, found value of type: ${typeName(by)}`)
  const step = wholeNumber(by, 'Location34448', "$range's step value")
  if (step === 0) fail('Location34449', '$range requires a non-zero step value')
  const count = Math.max(0, Math.ceil((to - from) / step))
  if (count > 8_000_000) fail('ExceededMemoryLimit', '$range would use too much memory')
  return Array.from({ length: count }, (_, at) => from + at * step)
}

function indexOf([list, wanted, ...bounds]: Maybe[]): Maybe {
  if (isNullish(list)) return null
  const values = array(list, 'Location40090', '$indexOfArray')
  const [from = 0, to = values.length] = bounds.map((bound) => searchBound(bound, '$indexOfArray'))
  for (let at = from; at < Math.min(to, values.length); at++) if (compareMaybe(values[at], wanted) === 0) return at
  return -1
}

export function searchBound(value: Maybe, name: string): number {
  const bound = wholeNumber(value, 'Location40096', `a starting or ending index of ${name}`)
  return bound < 0 ? fail('Location40097', `${name} requires a nonnegative index, found: ${bound}`) : bound
}

/** Each element once, in the order of values. MongoDB promises no order. */
function toSet(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [keyOf(value), value])).values()].sort(compare)
}

function keysOf(values: readonly Value[]): Set<string> {
  return new Set(values.map(keyOf))
}

/** Undefined if an argument is null. Checks them in order, so a wrong value before the first null is an error. */
function listsOf(values: readonly Maybe[], code: CodeName, name: string): Value[][] | undefined {
  const lists: Value[][] = []
  for (const value of values) {
    if (isNullish(value)) return undefined
    lists.push(array(value, code, name))
  }
  return lists
}

function union(values: Maybe[]): Maybe {
  const lists = listsOf(values, 'Location17043', '$setUnion')
  return lists === undefined ? null : toSet(lists.flat())
}

function intersection(values: Maybe[]): Maybe {
  const lists = listsOf(values, 'Location17047', '$setIntersection')
  if (lists === undefined) return null
  const [first, ...rest] = lists
  const keys = rest.map(keysOf)
  return toSet((first ?? []).filter((value) => keys.every((set) => set.has(keyOf(value)))))
}

function difference([a, b]: Maybe[]): Maybe {
  if (isNullish(a) || isNullish(b)) return null
  const left = array(a, 'Location17048', '$setDifference')
  const right = keysOf(array(b, 'Location17049', '$setDifference'))
  return [...new Map(left.map((value) => [keyOf(value), value]))].flatMap(([key, value]) =>
    right.has(key) ? [] : [value],
  )
}

function setEquals(values: Maybe[]): Maybe {
  const sets = values.map((value) => keysOf(array(value, 'Location17044', '$setEquals')))
  return sets.every((set) => set.size === sets[0]!.size && [...set].every((key) => sets[0]!.has(key)))
}

function isSubset([a, b]: Maybe[]): Maybe {
  const left = keysOf(array(a, 'Location17046', '$setIsSubset'))
  const right = keysOf(array(b, 'Location17042', '$setIsSubset'))
  return [...left].every((key) => right.has(key))
}

export const arrays: Record<string, Operator> = {
  $size: over('$size', 1, ([value]) => array(value, 'Location17124', '$size').length),
  $in: over('$in', 2, ([value, list]) =>
    array(list, 'Location40081', '$in').some((one) => compareMaybe(one, value) === 0),
  ),
  $isArray: over('$isArray', 1, ([value]) => Array.isArray(value)),
  $arrayElemAt: over('$arrayElemAt', 2, element),
  $first: end('$first', (values) => values[0]),
  $last: end('$last', (values) => values.at(-1)),
  $slice: over('$slice', [2, 3], slice),
  $concatArrays: over(
    '$concatArrays',
    undefined,
    (values) => listsOf(values, 'Location28664', '$concatArrays')?.flat() ?? null,
  ),
  $reverseArray: over('$reverseArray', 1, ([list]) =>
    isNullish(list) ? null : array(list, 'Location34435', '$reverseArray').toReversed(),
  ),
  $range: over('$range', [2, 3], range),
  $indexOfArray: over('$indexOfArray', [2, 4], indexOf),
  $setUnion: over('$setUnion', undefined, union),
  $setIntersection: over('$setIntersection', undefined, intersection),
  $setDifference: over('$setDifference', 2, difference),
  $setEquals: over('$setEquals', [2, Number.POSITIVE_INFINITY], setEquals),
  $setIsSubset: over('$setIsSubset', 2, isSubset),
}
