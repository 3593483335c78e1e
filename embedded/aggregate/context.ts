// What expressions are compiled in and run on: the variables that have a meaning, and the document at hand.
import type { Doc, Maybe, Value } from '../values.ts'

/** A document (`$$ROOT`) and the values of the variables that expressions such as `$let` and `$map` bind. */
export interface Scope {
  doc: Doc
  variables: Readonly<Record<string, Maybe>>
}

/** `undefined` is MongoDB's "missing". */
export type Expression = (scope: Scope) => Maybe

export interface Context {
  /** `$$NOW`: the same throughout one command. */
  now: Date
  /** The variables in scope by name, and how each is read. */
  variables: ReadonlyMap<string, Expression>
  /** The documents of another collection of the same database that pass; absent where no stage may ask for them. */
  documentsOf?: (collection: string, filter?: Doc) => readonly Doc[]
}

export type Compile = (spec: Value, context: Context) => Expression

/** An expression operator: compiles its operand with `compile`, which is handed over so that modules form no cycle. */
export type Operator = (operand: Value, context: Context, compile: Compile) => Expression

export function newContext(documentsOf?: Context['documentsOf']): Context {
  return { now: new Date(), variables: new Map(), documentsOf }
}

/** A context in which these names are read from the scope. */
export function binding(context: Context, names: readonly string[]): Context {
  const variables = new Map(context.variables)
  for (const name of names) variables.set(name, (scope) => scope.variables[name])
  return { ...context, variables }
}

export function bound(scope: Scope, values: Record<string, Maybe>): Scope {
  return { doc: scope.doc, variables: { ...scope.variables, ...values } }
}
