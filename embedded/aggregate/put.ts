// Setting a path in a document, as the stages do that make one field.
import { type Doc, field, isDoc, type Maybe } from '../values.ts'

/** A copy with the value at the path, in place of a scalar or an array on the way; missing removes a field. */
export function put(container: Maybe, parts: readonly string[], at: number, value: Maybe): Maybe {
  if (at === parts.length) return value
  const doc: Doc = isDoc(container) ? { ...container } : {}
  const inner = put(field(doc, parts[at]!), parts, at + 1, value)
  if (inner === undefined) delete doc[parts[at]!]
  else doc[parts[at]!] = inner
  return doc
}
