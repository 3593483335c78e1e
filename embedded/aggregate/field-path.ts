// How expressions follow a path: unlike filters, positions mean nothing to them.
import { field, isDoc, type Maybe, type Value } from '../values.ts'

/** Of an array on the way, an array of what the documents in it have there. */
export function fieldAt(value: Maybe, parts: readonly string[], at: number): Maybe {
  if (at === parts.length) return value
  if (!Array.isArray(value)) return isDoc(value) ? fieldAt(field(value, parts[at]!), parts, at + 1) : undefined
  return value.flatMap((element): Value[] => {
    const inner = isDoc(element) ? fieldAt(element, parts, at) : undefined
    return inner === undefined ? [] : [inner]
  })
}
