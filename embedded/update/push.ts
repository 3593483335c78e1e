// `$push` and its modifiers. MongoDB applies them in this order: insert at `$position`, then `$sort`, then `$slice`.
import { compare } from '../compare.ts'
import { fail } from '../errors.ts'
import { childOf, splitPath } from '../paths.ts'
import { type Doc, field, isDoc, type Maybe, show, typeOf, type Value } from '../values.ts'

export const pushModifiers = ['$each', '$position', '$slice', '$sort'] as const

interface Push {
  each: Value[]
  position: number | undefined
  slice: number | undefined
  sort: ((a: Value, b: Value) => number) | undefined
}

export function pushed(array: readonly Value[], operand: Value): Value[] {
  const { each, position, slice, sort } = pushArguments(operand)
  const at = position === undefined ? array.length : position < 0 ? Math.max(0, array.length + position) : position
  const result = [...array.slice(0, at), ...each, ...array.slice(at)]
  if (sort !== undefined) result.sort(sort)
  if (slice === undefined) return result
  return slice >= 0 ? result.slice(0, slice) : result.slice(slice)
}

/** Throws BadValue if a modifier is wrong. */
export function pushArguments(operand: Value): Push {
  if (!isDoc(operand) || field(operand, '$each') === undefined) {
    // Without `$each`, the operand is the value to add. storable() then refuses fields such as `$slice` in it.
    return { each: [operand], position: undefined, slice: undefined, sort: undefined }
  }
  for (const name of Object.keys(operand)) {
    if (!(pushModifiers as readonly string[]).includes(name)) fail('BadValue', `Unrecognized clause in $push: ${name}`)
  }
  const each = operand.$each
  if (!Array.isArray(each)) {
    return fail('BadValue', `The argument to $each in $push must be an array but it was of type: ${typeOf(each!)}`)
  }
  const sort = operand.$sort === undefined ? undefined : comparator(operand.$sort)
  return { each, position: wholeNumber(operand, '$position'), slice: wholeNumber(operand, '$slice'), sort }
}

function wholeNumber(operand: Doc, name: string): number | undefined {
  const value = operand[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return fail('BadValue', `The value for ${name} must be an integer value but was given ${show(value)}`)
  }
  return value
}

function comparator(spec: Value): (a: Value, b: Value) => number {
  if (spec === 1 || spec === -1) return (a, b) => compare(a, b) * spec
  if (!isDoc(spec)) {
    return fail(
      'BadValue',
      'The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields',
    )
  }
  if (Object.keys(spec).length === 0) fail('BadValue', 'The $sort pattern is empty when it should be a set of fields.')
  const keys = Object.entries(spec).map(([path, direction]) => {
    const parts = splitPath(path)
    if (parts.some((part) => part === ''))
      fail('BadValue', `The $sort field is a dotted field but has an empty part: ${path}`)
    if (direction !== 1 && direction !== -1) return fail('BadValue', 'The $sort element value must be either 1 or -1')
    return { parts, direction }
  })
  return (a, b) => {
    for (const { parts, direction } of keys) {
      const difference = compare(keyAt(a, parts), keyAt(b, parts))
      if (difference !== 0) return difference * direction
    }
    return 0
  }
}

/** An element that is not a document, or lacks the field, sorts as null. An array sorts as a whole. */
function keyAt(element: Value, parts: readonly string[]): Value {
  let value: Maybe = isDoc(element) ? element : undefined
  for (const part of parts) value = childOf(value, part)
  return value ?? null
}
