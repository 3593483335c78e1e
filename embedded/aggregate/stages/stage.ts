// What a stage is, and what several stages need.
import { fail } from '../../errors.ts'
import { splitPath } from '../../paths.ts'
import { type Doc, field, isDoc, type Maybe, show, type Value } from '../../values.ts'
import type { Context } from '../context.ts'

export type Stage = (documents: readonly Doc[]) => readonly Doc[]
export type CompilePipeline = (spec: Value | undefined, context: Context) => Stage

/** Compiles the specification of a stage. `compile` is for the pipelines inside it. */
export type MakeStage = (spec: Value, context: Context, compile: CompilePipeline) => Stage

/** The parts of the path of a field that a stage sets. */
export function fieldPath(path: string): readonly string[] {
  const parts = splitPath(path)
  for (const part of parts) {
    if (part === '') fail('Location15998', `FieldPath field names may not be empty strings: '${path}'`)
    if (part.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$': '${path}'`)
  }
  return parts
}

/** Whether an operand is a path or an operator, and not a constant. */
export function isPathOrOperator(spec: Value): boolean {
  return typeof spec === 'string' ? spec.startsWith('$') : isDoc(spec)
}

/** The new document of `$replaceRoot`. */
export function newRootDocument(value: Value | undefined): Doc {
  if (isDoc(value)) return value
  return fail(
    'Location40228',
    `'newRoot' expression must evaluate to an object, but resulting value was: ${show(value)}`,
  )
}

/** A copy with this value at the path. It replaces scalars and arrays on the way. Missing removes the field. */
export function setPath(container: Maybe, parts: readonly string[], at: number, value: Maybe): Maybe {
  if (at === parts.length) return value
  const doc: Doc = isDoc(container) ? { ...container } : {}
  const inner = setPath(field(doc, parts[at]!), parts, at + 1, value)
  if (inner === undefined) delete doc[parts[at]!]
  else doc[parts[at]!] = inner
  return doc
}
