// What a stage is, and the checks that several share.
import { fail } from '../../errors.ts'
import { splitPath } from '../../paths.ts'
import { type Doc, isDoc, show, type Value } from '../../values.ts'
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
