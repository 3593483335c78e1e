// Compiles a filter document, such as { state: "live", start: { $lte: now } }, to a function over documents. The
// operators are the table `logical` here and the table `conditions` for paths. Everything else is refused.

import type { Context } from '../aggregate/context.ts'
import { newContext, scopeOf } from '../aggregate/context.ts'
import { compileExpression } from '../aggregate/expression.ts'
import { fail, notImplemented } from '../errors.ts'
import { someAt, splitPath } from '../paths.ts'
import { unsupportedQueryOperators } from '../unsupported.ts'
import { type Doc, isDoc, isTruthy, type Maybe, type Value } from '../values.ts'
import { type Ask, conditionsOf } from './conditions.ts'

/** A filter that is ready to run. The planner reads `source`; `matches` decides about a document. */
export interface Query {
  source: Doc
  matches: Filter
}

/** Without a filter, everything matches. `context` holds the variables that `$expr` may name. */
export function compileQuery(filter: Maybe, context: Context = newContext()): Query {
  const source = filter ?? {}
  if (!isDoc(source)) return fail('TypeMismatch', 'a filter must be an object')
  return { source, matches: compileFilter(source, context) }
}

export type Filter = (doc: Doc) => boolean

/** `context` is absent where MongoDB forbids `$expr`: in `$elemMatch`, `$pull`, array filters and partial indexes. */
export type LogicalOperator = (operand: Value, context: Context | undefined) => Filter

export const logical: Record<string, LogicalOperator> = {
  $and: (operand, context) => {
    const branches = compileBranches('$and', operand, context)
    return (doc) => branches.every((branch) => branch(doc))
  },
  $or: (operand, context) => {
    const branches = compileBranches('$or', operand, context)
    return (doc) => branches.some((branch) => branch(doc))
  },
  $nor: (operand, context) => {
    const branches = compileBranches('$nor', operand, context)
    return (doc) => !branches.some((branch) => branch(doc))
  },
  $expr: (operand, context) => {
    if (context === undefined) return fail('QueryFeatureNotAllowed', '$expr is not allowed in this context')
    const value = compileExpression(operand, context)
    return (doc) => isTruthy(value(scopeOf(doc)))
  },
  $comment: () => () => true,
}

/** Throws BadValue, FailedToParse or NotImplemented if this server cannot evaluate the filter exactly. */
export function compileFilter(filter: Doc, context: Context | undefined = newContext()): Filter {
  return compileEntries(filter, context)
}

/** Like compileFilter, where MongoDB forbids `$expr`. */
export function compileInnerFilter(filter: Doc): Filter {
  return compileEntries(filter, undefined)
}

function compileEntries(filter: Doc, context: Context | undefined): Filter {
  const parts = Object.entries(filter).map(([name, operand]) => compileEntry(name, operand, context))
  if (parts.length === 1) return parts[0]!
  return (doc) => parts.every((part) => part(doc))
}

function compileEntry(name: string, operand: Value, context: Context | undefined): Filter {
  if (!name.startsWith('$')) return compilePath(name, operand)
  if (Object.hasOwn(logical, name)) return logical[name]!(operand, context)
  if (unsupportedQueryOperators.has(name)) return notImplemented(`the query operator ${name}`)
  return fail(
    'BadValue',
    `unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.`,
  )
}

function compileBranches(name: string, operand: Value, context: Context | undefined): Filter[] {
  if (!Array.isArray(operand)) return fail('BadValue', `${name} must be an array`)
  if (operand.length === 0) return fail('BadValue', '$and/$or/$nor must be a nonempty array')
  return operand.map((branch) => {
    if (!isDoc(branch)) return fail('BadValue', '$or/$and/$nor entries need to be full objects')
    return compileEntries(branch, context)
  })
}

function compilePath(path: string, operand: Value): Filter {
  const parts = splitPath(path)
  const conditions = conditionsOf(operand, compileInnerFilter)
  return (doc) => {
    const ask: Ask = (test, intoLeaf) => someAt(doc, parts, 0, intoLeaf, test)
    return conditions.every((condition) => condition(ask))
  }
}
