// Checks the variables of a request against the types in its operation. The work and the error message stay small, however many
// variables are wrong and however long they are.

import {
  coerceInputValue,
  type DocumentNode,
  type GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromAST,
  valueFromASTUntyped,
  visit,
} from 'graphql'
import { AlkaidError, badInput } from '../base/errors.ts'
import { pathText } from '../command/input.ts'

export type Variables = Record<string, unknown>

/** Reading stops after this many mistakes. */
const MAX_MISTAKES = 10
/** Characters that repeated uses of variables may add to a query. */
const MAX_COPIES = 1_000_000

/**
 * The coerced variables of a valid operation, with defaults. A variable without a value and without a default is left out.
 * Throws BAD_USER_INPUT with the path of the first mistake, for example `input.content.name`.
 */
export function readVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  given: Variables,
  hideSuggestions = false,
): Variables {
  const mistakes: { path: string; message: string }[] = []
  const coerced: Variables = Object.create(null)

  function report(path: string, message: string): void {
    mistakes.push({ path, message })
    if (mistakes.length === MAX_MISTAKES) throw wrong(mistakes)
  }

  for (const definition of operation.variableDefinitions ?? []) {
    const name = definition.variable.name.value
    const type = typeOf(schema, definition)
    if (!Object.hasOwn(given, name) || given[name] === undefined) {
      if (definition.defaultValue) coerced[name] = valueFromAST(definition.defaultValue, type)
      else if (isNonNullType(type)) report(name, `must be given: it is ${type}`)
      continue
    }
    const value = given[name]
    coerced[name] = coerceInputValue(
      value,
      type,
      (path, _value, error: GraphQLError) => report(pathText(name, path), error.message),
      hideSuggestions,
    )
  }
  if (mistakes.length > 0) throw wrong(mistakes)
  return coerced
}

/**
 * Throws LIMIT_EXCEEDED when large variables are used many times. Example: `{a: $v, b: $v, c: $v}` written as JSON is three times
 * as large as `$v`, so a small request could cause much work.
 */
export function requireFewCopies(document: DocumentNode, given: Variables): void {
  let copies = 0
  for (const [name, { times, size }] of usesOf(document)) {
    if (times > 1) copies += (times - 1) * (Object.hasOwn(given, name) ? sizeOf(given[name]) : size)
    if (copies <= MAX_COPIES) continue
    const most = `Variables that a query uses again may add at most ${MAX_COPIES.toLocaleString('en')} characters to it`
    throw new AlkaidError(
      'LIMIT_EXCEEDED',
      `${most}, and with $${name}, used ${times} times, they add more. Use it once.`,
    )
  }
}

/** How often a variable is used, and the size of its default. */
type VariableUse = { times: number; size: number }

/**
 * A cache for the whole process. It holds nothing but what follows from the document itself, and an entry goes away together with
 * its document, when `Documents` drops that.
 */
const usesOfDocument = new WeakMap<DocumentNode, ReadonlyMap<string, VariableUse>>()

function usesOf(document: DocumentNode): ReadonlyMap<string, VariableUse> {
  const cached = usesOfDocument.get(document)
  if (cached) return cached
  const uses = new Map<string, VariableUse>()
  const useOf = (name: string): VariableUse => {
    const use = uses.get(name) ?? { times: 0, size: 0 }
    uses.set(name, use)
    return use
  }
  visit(document, {
    VariableDefinition({ variable, defaultValue }) {
      if (defaultValue) useOf(variable.name.value).size = sizeOf(valueFromASTUntyped(defaultValue))
      return false
    },
    Variable({ name }) {
      useOf(name.value).times += 1
    },
  })
  usesOfDocument.set(document, uses)
  return uses
}

/** Characters and parts of a value. The value must not be deep, since this recurses. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 1
  if (typeof value !== 'object' || value === null) return 1
  return Object.entries(value).reduce((sum, [key, part]) => sum + key.length + sizeOf(part), 1)
}

function wrong([first, ...more]: readonly { path: string; message: string }[]) {
  return badInput(first!.path, first!.message, more)
}

/** The operation is validated, so the type of a variable is an input type. */
function typeOf(schema: GraphQLSchema, { type }: VariableDefinitionNode): GraphQLInputType {
  return typeFromAST(schema, type as never) as unknown as GraphQLInputType
}
