// The variables of a request, held against what its operation declares. However many are wrong, and however long they
// are, few mistakes are looked for and told.

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

/** After so many nobody reads on. */
const MAX_MISTAKES = 10
/** Texts and other values of all variables that are used again, in characters, each time that they are. */
const MAX_COPIES = 1_000_000

/**
 * The coerced variables of a valid operation, with defaults filled in; what is left out and has none is left out.
 * Throws BAD_USER_INPUT with the path of the first mistake, as `input.content.name`.
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
 * Throws LIMIT_EXCEEDED where a large variable is used again and again: `{a: $v, b: $v, c: $v}` is three times as large as
 * `$v`, and whoever writes it out as JSON does that much work.
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

/** How often a variable stands in arguments, and the size of its default. */
type Use = { times: number; size: number }

const known = new WeakMap<DocumentNode, ReadonlyMap<string, Use>>()

/** Looked for once, as long as a document is kept. */
function usesOf(document: DocumentNode): ReadonlyMap<string, Use> {
  const found = known.get(document)
  if (found) return found
  const uses = new Map<string, Use>()
  const useOf = (name: string): Use => {
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
  known.set(document, uses)
  return uses
}

/** Of a value that is not deep. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 1
  if (typeof value !== 'object' || value === null) return 1
  return Object.entries(value).reduce((sum, [key, part]) => sum + key.length + sizeOf(part), 1)
}

function wrong([first, ...more]: readonly { path: string; message: string }[]) {
  return badInput(first!.path, first!.message, more)
}

/** Validation has seen to it that the type of a variable is one of input. */
function typeOf(schema: GraphQLSchema, { type }: VariableDefinitionNode): GraphQLInputType {
  return typeFromAST(schema, type as never) as unknown as GraphQLInputType
}
