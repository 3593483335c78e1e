// Executes an operation: by its compiled function, or by graphql-js. Nothing here waits unless a resolver does.

import { type ExecutionResult, execute, type GraphQLError, type GraphQLSchema } from 'graphql'
import { readVariables, type Variables } from '../graphql/variables.ts'
import type { CompiledOperation } from './compiled-operation.ts'
import type { PersistedOperation } from './persisted-operations.ts'

/** An operation and the function that answers it. */
export type LaneOperation = {
  operation: PersistedOperation
  /** Undefined: the operation cannot be compiled. graphql-js executes it. */
  run: CompiledOperation | undefined
}

/**
 * `data` is JSON. Equal data has an equal `tag` on every node. It has `extraBytes` more bytes in UTF-8 than characters. Only a compiled
 * operation has these two.
 */
export type LaneAnswer = { data: string; errors: readonly GraphQLError[]; tag?: string; extraBytes?: number }

/** Throws, or rejects with, BAD_USER_INPUT when the variables do not fit. */
export function executeOperation(
  schema: GraphQLSchema,
  { operation, run }: LaneOperation,
  variables: Variables,
  contextValue: unknown,
): LaneAnswer | Promise<LaneAnswer> {
  const answer = run?.(variables, contextValue)
  if (answer instanceof Promise) {
    return answer.then((later) => later ?? executeByGraphQL(schema, operation, variables, contextValue))
  }
  return answer ?? executeByGraphQL(schema, operation, variables, contextValue)
}

/** For an operation that is not compiled, and for a request that a compiled operation leaves to graphql-js. */
function executeByGraphQL(
  schema: GraphQLSchema,
  operation: PersistedOperation,
  variables: Variables,
  contextValue: unknown,
): LaneAnswer | Promise<LaneAnswer> {
  const { document } = operation
  const result = execute({ schema, document, variableValues: variables, contextValue, options: EXECUTION_OPTIONS })
  const toAnswer = (done: ExecutionResult): LaneAnswer => {
    if (done.data === undefined) throw explainVariables(schema, operation, variables, done)
    return { data: JSON.stringify(done.data), errors: done.errors ?? [] }
  }
  return result instanceof Promise ? result.then(toAnswer) : toAnswer(result as ExecutionResult)
}

/** One coercion error is enough to know that the variables are wrong. `explainVariables` then finds all mistakes. */
const EXECUTION_OPTIONS = { maxCoercionErrors: 1 }

/** The errors of the variables. The operation was validated at start, so only variables can cause an answer without `data`. */
function explainVariables(
  schema: GraphQLSchema,
  { definition }: PersistedOperation,
  variables: Variables,
  answer: ExecutionResult,
): unknown {
  try {
    readVariables(schema, definition, variables, true)
  } catch (error) {
    return error
  }
  return new Error(`An operation failed: ${answer.errors?.[0]?.message}`)
}
