// What an expression is compiled in (its context: time, variables, other collections) and what it runs on (its scope:
// the current document and the values of variables).
import type { Doc, Maybe, Value } from '../values.ts'

/** The current document (`$$ROOT`), and the values of variables that `$let`, `$map` and others bind. */
export interface Scope {
  doc: Doc
  variables: Readonly<Record<string, Maybe>>
}

/** Gives `undefined` where MongoDB says "missing". */
export type Expression = (scope: Scope) => Maybe

export interface Context {
  /** `$$NOW`. It stays the same during one command. */
  now: Date
  /** How to read each variable, by its name. */
  variables: ReadonlyMap<string, Expression>
  /** The documents of another collection of the database that match. Absent where stages cannot ask for them. */
  documentsOf?: (collection: string, filter?: Doc) => readonly Doc[]
}

export type Compile = (spec: Value, context: Context) => Expression

/** An expression operator. `compile` is a parameter, so that its file and expression.ts form no import cycle. */
export type Operator = (operand: Value, context: Context, compile: Compile) => Expression

export function newContext(documentsOf?: Context['documentsOf']): Context {
  return { now: new Date(), variables: new Map(), documentsOf }
}

/** A context in which these variables are read from the scope. */
export function withVariables(context: Context, names: readonly string[]): Context {
  const variables = new Map(context.variables)
  for (const name of names) variables.set(name, (scope) => scope.variables[name])
  return { ...context, variables }
}

/** The document without any variables: the scope of a stage or a filter. */
export function scopeOf(doc: Doc): Scope {
  return { doc, variables: {} }
}

/** The scope with the values of further variables. */
export function withValues(scope: Scope, values: Record<string, Maybe>): Scope {
  return { doc: scope.doc, variables: { ...scope.variables, ...values } }
}
