// The variables of a request, held against what its operation declares. However many are wrong, and however long they
// are, few mistakes are looked for and told.

import {
  coerceInputValue,
  type GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromAST,
} from 'graphql'
import { badInput } from '../errors.ts'
import { pathText } from '../input.ts'

export type Variables = Record<string, unknown>

/** After so many nobody reads on. */
const MAX_MISTAKES = 10

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

function wrong([first, ...more]: readonly { path: string; message: string }[]) {
  return badInput(first!.path, first!.message, more)
}

/** Validation has seen to it that the type of a variable is one of input. */
function typeOf(schema: GraphQLSchema, { type }: VariableDefinitionNode): GraphQLInputType {
  return typeFromAST(schema, type as never) as unknown as GraphQLInputType
}
