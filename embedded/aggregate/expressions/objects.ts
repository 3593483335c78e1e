// Documents from other documents, and from and to arrays of pairs.
import { fail, notImplemented } from '../../errors.ts'
import { type Doc, isArrayIndex, isDoc, type Maybe, type Value } from '../../values.ts'
import type { Operator } from '../context.ts'
import { isNullish, over, typeName } from './arguments.ts'

/** Sets a field whose name comes from data. Refuses names that a JavaScript object cannot hold in their place. */
export function setNamed(target: Doc, name: string, value: Value): void {
  if (name === '__proto__' || name === '_bsontype') notImplemented(`the field name '${name}'`)
  if (isArrayIndex(name) && !Object.hasOwn(target, name)) {
    const last = Object.keys(target).at(-1)
    if (last !== undefined && !(isArrayIndex(last) && Number(last) < Number(name))) {
      notImplemented(`the numeric field name '${name}' after others`)
    }
  }
  target[name] = value
}

/** Later documents win. Null and missing are ignored. */
export function mergeObjects(values: readonly Maybe[]): Doc {
  const result: Doc = {}
  for (const value of values) {
    if (isNullish(value)) continue
    if (!isDoc(value)) {
      return fail('Location40400', `$mergeObjects requires object inputs, but input is of type ${typeName(value)}`)
    }
    for (const [name, inner] of Object.entries(value)) setNamed(result, name, inner)
  }
  return result
}

function objectToArray([value]: Maybe[]): Maybe {
  if (isNullish(value)) return null
  if (!isDoc(value)) {
    return fail('Location40390', `$objectToArray requires a document input, found: ${typeName(value)}`)
  }
  return Object.entries(value).map(([k, v]) => ({ k, v }))
}

function arrayToObject([value]: Maybe[]): Maybe {
  if (isNullish(value)) return null
  if (!Array.isArray(value))
    return fail('Location40386', `$arrayToObject requires an array input, found: ${typeName(value)}`)
  const result: Doc = {}
  const inPairs = Array.isArray(value[0])
  for (const element of value) {
    const [name, inner] = inPairs ? pair(element) : keyAndValue(element)
    if (name.includes('\0')) fail('Location4940400', 'Key field cannot contain an embedded null byte')
    setNamed(result, name, inner)
  }
  return result
}

function pair(element: Value): [string, Value] {
  if (!Array.isArray(element)) {
    return fail(
      'Location40396',
      `$arrayToObject requires a consistent input format. Expected an array, found: ${typeName(element)}`,
    )
  }
  if (element.length !== 2)
    fail('Location40397', `$arrayToObject requires an array of size 2 arrays,found array of size: ${element.length}`)
  const [name, inner] = element
  if (typeof name !== 'string') {
    return fail(
      'Location40395',
      `$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: ${typeName(name)}`,
    )
  }
  return [name, inner!]
}

function keyAndValue(element: Value): [string, Value] {
  if (!isDoc(element)) {
    return fail('Location40391', `Unrecognised input type format for $arrayToObject: ${typeName(element)}`)
  }
  if (Object.keys(element).length !== 2) fail('Location40392', "$arrayToObject requires an object keys of 'k' and 'v'.")
  const { k, v } = element
  if (k === undefined || v === undefined)
    return fail('Location40393', "$arrayToObject requires an object with keys 'k' and 'v'.")
  if (typeof k !== 'string') {
    return fail(
      'Location40394',
      `$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' must be of type string. Found type: ${typeName(k)}`,
    )
  }
  return [k, v]
}

export const objects: Record<string, Operator> = {
  // A single array stands for its elements.
  $mergeObjects: over('$mergeObjects', undefined, (values) =>
    mergeObjects(values.length === 1 && Array.isArray(values[0]) ? values[0] : values),
  ),
  $objectToArray: over('$objectToArray', 1, objectToArray),
  $arrayToObject: over('$arrayToObject', 1, arrayToObject),
}
