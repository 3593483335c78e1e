// What a stage is, and what several stages need.
import { fail } from '../../errors.ts'
import { splitPath } from '../../paths.ts'
import { type Doc, field, isDoc, type Maybe, show, type Value } from '../../values.ts'
import type { Context } from '../context.ts'

export type Stage = (documents: readonly Doc[]) => readonly Doc[]
export type CompilePipeline = (spec: Value | undefined, context: Context) => Stage

/** Compiles a stage's specification; `compile` is for the pipelines inside it. */
export type MakeStage = (spec: Value, context: Context, compile: CompilePipeline) => Stage

/** The names in the path of a field that a stage sets. */
export function fieldPath(path: string): readonly string[] {
  const parts = splitPath(path)
  for (const part of parts) {
    if (part === '') fail('Location15998', `FieldPath field names may not be empty strings: '${path}'`)
    if (part.startsWith('$')) fail('Location16410', `FieldPath field names may not start with '$': '${path}'`)
  }
  return parts
}

/** Whether an operand is an expression over documents rather than a constant: a path or an operator. */
export function isPathOrOperator(spec: Value): boolean {
  return typeof spec === 'string' ? spec.startsWith('$') : isDoc(spec)
}

export function documentOr40228(value: Value | undefined): Doc {
  if (isDoc(value)) return value
  return fail(
    'Location40228',
    `'newRoot' expression must evaluate to an object, but resulting value was: ${show(value)}`,
  )
}

/** A copy with the value at the path, in place of a scalar or an array on the way; missing removes a field. */
export function put(container: Maybe, parts: readonly string[], at: number, value: Maybe): Maybe {
  if (at === parts.length) return value
  const doc: Doc = isDoc(container) ? { ...container } : {}
  const inner = put(field(doc, parts[at]!), parts, at + 1, value)
  if (inner === undefined) delete doc[parts[at]!]
  else doc[parts[at]!] = inner
  return doc
}
