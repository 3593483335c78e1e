// Compiles one persisted operation to a function: (variables, context) -> the JSON of its answer. The answer has the
// same bytes as the answer of graphql-js. An object that never changes, such as a creative, is written once for each selection and
// then only copied. Operations are compiled at start. A request does not look at the text of its operation.

import { type GraphQLError, Kind, locatedError, type OperationDefinitionNode } from 'graphql'
import { AnswerTag } from './answer-tag.ts'
import {
  CannotCompile,
  type CompileOptions,
  type Root,
  type RootField,
  SelectionCompiler,
} from './compiled-selection.ts'
import { compileVariables, selectingVariables, type Variables } from './compiled-variables.ts'
import { isPromise, UNFORESEEN } from './json-writers.ts'

export type CompiledAnswer = {
  /** The JSON of `data`. */
  data: string
  /** The errors that resolvers of root fields threw. Each has its path. */
  errors: readonly GraphQLError[]
  /** Equal `data` has an equal tag on every node. */
  tag: string
  /** How many bytes `data` has in UTF-8 beyond one for each character. */
  extraBytes: number
}

/**
 * Undefined: graphql-js must execute the operation. No resolver with a side effect was called. There are two cases:
 * - a variable does not fit its type
 * - a resolver of a query returned a value that this module cannot write
 */
export type CompiledOperation = (
  variables: Variables,
  context: unknown,
) => CompiledAnswer | undefined | Promise<CompiledAnswer | undefined>

/** Each such variable doubles the selections that are compiled: 6 variables make 64 selections. */
const MAX_SELECTING_VARIABLES = 6

/** Compiles the operation to a function. Returns the reason when it cannot be compiled. */
export function compileOperation(options: CompileOptions): CompiledOperation | { reason: string } {
  const { schema, document } = options
  const operation = document.definitions.find(
    (part): part is OperationDefinitionNode => part.kind === Kind.OPERATION_DEFINITION,
  )
  const rootType = operation && schema.getRootType(operation.operation)
  if (!operation || !rootType) return { reason: 'it holds no operation of this schema' }
  const selecting = selectingVariables(document)
  if (selecting.length > MAX_SELECTING_VARIABLES) {
    return { reason: `more than ${MAX_SELECTING_VARIABLES} variables decide in @skip and @include what is selected` }
  }
  try {
    const readVariables = compileVariables(schema, operation)
    const everySelection = Array.from({ length: 2 ** selecting.length }, (_, bits) => {
      const isTrue = (name: string) => (bits & (1 << selecting.indexOf(name))) !== 0
      return new SelectionCompiler(options, isTrue).root(operation, rootType)
    })
    const isQuery = operation.operation === 'query'
    return (given, context) => {
      const variables = readVariables(given)
      const bits = variables && selectionOf(selecting, variables)
      return bits === undefined ? undefined : answer(everySelection[bits]!, variables!, context, isQuery)
    }
  } catch (error) {
    if (error instanceof CannotCompile) return { reason: error.message }
    throw error
  }
}

/** The number of a selection: one bit for each variable. Undefined when a variable has no value. Then graphql-js reports the mistake. */
function selectionOf(names: readonly string[], variables: Variables): number | undefined {
  let bits = 0
  for (let at = 0; at < names.length; at += 1) {
    const value = variables[names[at]!]
    if (typeof value !== 'boolean') return undefined
    if (value) bits |= 1 << at
  }
  return bits
}

function answer(root: Root, variables: Variables, context: unknown, isQuery: boolean): ReturnType<CompiledOperation> {
  return new Answering(root, variables, context, isQuery).run(0)
}

/** One answer while it is written. */
class Answering implements CompiledAnswer {
  data = '{'
  readonly errors: GraphQLError[] = []
  readonly #tag = new AnswerTag()
  readonly #root: Root
  readonly #variables: Variables
  readonly #context: unknown
  /** graphql-js can execute a query again. It must not execute a mutation again, because the mutation may have happened already. */
  #isRepeatable = true
  readonly #isQuery: boolean

  constructor(root: Root, variables: Variables, context: unknown, isQuery: boolean) {
    this.#root = root
    this.#variables = variables
    this.#context = context
    this.#isQuery = isQuery
  }

  get tag(): string {
    return this.#tag.toString()
  }

  get extraBytes(): number {
    return this.#tag.extraBytes
  }

  /** Writes the fields from a position on. */
  run(start: number): ReturnType<CompiledOperation> {
    try {
      const answered = this.#write(start)
      return answered instanceof Promise ? answered.catch((error) => this.#unforeseen(error)) : answered
    } catch (error) {
      return this.#unforeseen(error)
    }
  }

  #write(start: number): ReturnType<CompiledOperation> {
    const root = this.#root
    for (let at = start; at < root.length; at += 1) {
      const field = root[at]!
      if ('constant' in field) {
        this.data += field.constant
        continue
      }
      let value: unknown
      const args = field.readArguments(this.#variables)
      this.#isRepeatable = this.#isQuery
      try {
        value = field.resolve!(undefined, args, this.#context, undefined as never)
      } catch (error) {
        if (!this.#fail(field, error)) return this
        continue
      }
      if (isPromise(value)) return this.#later(field, value, at + 1)
      if (!this.#add(field, value)) return this
    }
    this.data += '}'
    return this
  }

  async #later(field: RootField, promise: PromiseLike<unknown>, next: number) {
    let value: unknown
    try {
      value = await promise
    } catch (error) {
      return this.#fail(field, error) ? this.run(next) : this
    }
    return this.#add(field, value) ? this.run(next) : this
  }

  /** Returns whether to continue. */
  #add(field: RootField, value: unknown): boolean {
    if (value instanceof Error) return this.#fail(field, value)
    if (!field.isNullable && (value === null || value === undefined)) throw UNFORESEEN
    this.data += field.prefix + field.write(value, this.#tag)
    return true
  }

  /** Returns whether to continue. When a non-null field fails, the whole answer is null. */
  #fail(field: RootField, error: unknown): boolean {
    this.errors.push(locatedError(error, field.nodes, [field.responseName]))
    if (field.isNullable) this.data += `${field.prefix}null`
    else this.data = 'null'
    return field.isNullable
  }

  #unforeseen(error: unknown): undefined {
    if (error === UNFORESEEN && this.#isRepeatable) return undefined
    throw error
  }
}
