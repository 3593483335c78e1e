// A filter ready to run: its source, by which indexes narrow, and the compiled form that decides.
import { type Context, newContext } from '../aggregate/context.ts'
import { fail } from '../errors.ts'
import { type Doc, isDoc, type Maybe } from '../values.ts'
import { compileFilter, type Filter } from './filter.ts'

export interface Query {
  source: Doc
  matches: Filter
}

/** A missing filter matches everything. `context` has the variables that its `$expr` may name. */
export function compileQuery(filter: Maybe, context: Context = newContext()): Query {
  const source = filter ?? {}
  if (!isDoc(source)) return fail('TypeMismatch', 'a filter must be an object')
  return { source, matches: compileFilter(source, context) }
}
