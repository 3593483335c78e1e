// Compiles one persisted operation to a function: (variables, context) -> the JSON of its answer. The answer is byte for byte
// what graphql-js would give. Objects of a type that never changes (a creative) are written once for each selection and then
// only copied. Compiling happens at start; nothing of the operation's text is looked at during a request.

import {
  type ArgumentNode,
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLArgument,
  type GraphQLError,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLString,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  locatedError,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
  type ValueNode,
  valueFromAST,
} from 'graphql'
import { AnswerTag, hashOnce, type TextHash } from './answer-tag.ts'
import { compileVariables, selectingVariables, type Variables } from './compiled-variables.ts'

export type CompiledAnswer = {
  /** The JSON of `data`. */
  data: string
  /** What resolvers of root fields threw, each at its path. */
  errors: readonly GraphQLError[]
  /** The same for equal `data`, on every node. */
  tag: string
}

/**
 * Undefined: graphql-js has to answer, and no resolver with a side effect was called. So it is when a variable does not fit its type, and when
 * a resolver of a query answers something that this module does not write.
 */
export type CompiledOperation = (
  variables: Variables,
  context: unknown,
) => CompiledAnswer | undefined | Promise<CompiledAnswer | undefined>

export type CompileOptions = {
  schema: GraphQLSchema
  /** One operation, validated against the schema. */
  document: DocumentNode
  /**
   * Types whose objects never change once a resolver answered them. Each object is written once for each selection. Their resolvers
   * are called with the parent and the arguments only.
   */
  frozenTypes: readonly string[]
}

/** Writes one value as JSON, and adds it to the tag. Throws `UNFORESEEN`. */
type Write = (value: unknown, tag: AnswerTag) => string

/** Thrown on a value that graphql-js has to write, because it is an error or takes time. Never leaves this module. */
const UNFORESEEN = new Error('graphql-js has to write this value')

/** Two to this power is how many selections one operation may have. */
const MAX_SELECTING_VARIABLES = 6

/** The operation as a function, or why it cannot be compiled. */
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

class CannotCompile extends Error {}

/** One bit for each variable. Undefined when one of them has no value: graphql-js says what is wrong. */
function selectionOf(names: readonly string[], variables: Variables): number | undefined {
  let bits = 0
  for (let at = 0; at < names.length; at += 1) {
    const value = variables[names[at]!]
    if (typeof value !== 'boolean') return undefined
    if (value) bits |= 1 << at
  }
  return bits
}

// ---- running it

type RootField = {
  /** `"name":`, with a comma before it unless it is the first. */
  prefix: string
  responseName: string
  nodes: readonly FieldNode[]
  resolve: GraphQLField<unknown, unknown>['resolve']
  readArguments: (variables: Variables) => Record<string, unknown>
  isNullable: boolean
  write: Write
}
/** What stands for a root field that no resolver answers. */
type RootConstant = { constant: string }
type Root = readonly (RootField | RootConstant)[]

function answer(root: Root, variables: Variables, context: unknown, isQuery: boolean): ReturnType<CompiledOperation> {
  const tag = new AnswerTag()
  const errors: GraphQLError[] = []
  let data = '{'
  let hasCalled = false

  /** Returns whether to go on: the null of a field that may not be null is that of the whole answer. */
  function fail(field: RootField, error: unknown): boolean {
    errors.push(locatedError(error, field.nodes, [field.responseName]))
    if (field.isNullable) data += `${field.prefix}null`
    else data = 'null'
    return field.isNullable
  }

  function write(field: RootField, value: unknown): boolean {
    if (value instanceof Error) return fail(field, value)
    if (!field.isNullable && (value === null || value === undefined)) throw UNFORESEEN
    data += field.prefix + field.write(value, tag)
    return true
  }

  function from(start: number): ReturnType<CompiledOperation> {
    for (let at = start; at < root.length; at += 1) {
      const field = root[at]!
      if ('constant' in field) {
        data += field.constant
        continue
      }
      let value: unknown
      const args = field.readArguments(variables)
      hasCalled = true
      try {
        value = field.resolve!(undefined, args, context, undefined as never)
      } catch (error) {
        if (!fail(field, error)) return done()
        continue
      }
      if (isPromise(value)) return later(field, value, at + 1)
      if (!write(field, value)) return done()
    }
    data += '}'
    return done()
  }

  async function later(field: RootField, promise: PromiseLike<unknown>, next: number) {
    let value: unknown
    try {
      value = await promise
    } catch (error) {
      return fail(field, error) ? guarded(next) : done()
    }
    return write(field, value) ? guarded(next) : done()
  }

  function done(): CompiledAnswer {
    return { data, errors, tag: tag.toString() }
  }

  function guarded(start: number): ReturnType<CompiledOperation> {
    try {
      const answered = from(start)
      return answered instanceof Promise ? answered.catch(unforeseen) : answered
    } catch (error) {
      return unforeseen(error)
    }
  }

  /** A query can be asked again by graphql-js. A mutation may have happened already. */
  function unforeseen(error: unknown): undefined {
    if (error === UNFORESEEN && (isQuery || !hasCalled)) return undefined
    throw error
  }

  return guarded(0)
}

// ---- compiling one selection: with given values of the variables in `@skip` and `@include`

class SelectionCompiler {
  readonly #schema: GraphQLSchema
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly #frozenTypes: ReadonlySet<string>
  readonly #isTrue: (variable: string) => boolean

  constructor({ schema, document, frozenTypes }: CompileOptions, isTrue: (variable: string) => boolean) {
    this.#schema = schema
    this.#frozenTypes = new Set(frozenTypes)
    this.#isTrue = isTrue
    const fragments = document.definitions.filter(
      (part): part is FragmentDefinitionNode => part.kind === Kind.FRAGMENT_DEFINITION,
    )
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]))
  }

  root({ selectionSet }: OperationDefinitionNode, type: GraphQLObjectType): Root {
    return [...this.#collect(type, [selectionSet])].map(([responseName, nodes], index) => {
      const prefix = `${index === 0 ? '' : ','}${JSON.stringify(responseName)}:`
      if (isTypename(nodes)) return { constant: prefix + JSON.stringify(type.name) }
      const field = fieldOf(type, nodes)
      if (!field.resolve) throw new CannotCompile(`no resolver answers ${type.name}.${field.name}`)
      return {
        prefix,
        responseName,
        nodes,
        resolve: field.resolve,
        readArguments: compileArguments(field, nodes[0]!),
        isNullable: !isNonNullType(field.type),
        write: this.#value(field.type, nodes),
      }
    })
  }

  #value(type: GraphQLOutputType, nodes: readonly FieldNode[]): Write {
    if (isNonNullType(type)) {
      const write = this.#value(type.ofType, nodes)
      return (value, tag) => {
        if (value === null || value === undefined) throw UNFORESEEN
        return write(value, tag)
      }
    }
    const write = this.#notNull(type, nodes)
    return (value, tag) => {
      if (value !== null && value !== undefined) return write(value, tag)
      tag.addCount(-1)
      return 'null'
    }
  }

  #notNull(type: GraphQLOutputType, nodes: readonly FieldNode[]): Write {
    if (isListType(type)) return writeList(this.#value(type.ofType, nodes))
    if (type === GraphQLString) return writeString
    if (isLeafType(type)) return (value, tag) => writeLeaf(type, value, tag)
    if (!isObjectType(type)) throw new CannotCompile(`${type} is an interface or a union`)
    if (type.isTypeOf) throw new CannotCompile(`${type} looks at its values`)
    const isFrozen = this.#frozenTypes.has(type.name)
    const write = writeObject(this.#fields(type, nodes, isFrozen))
    return isFrozen ? writeOnce(write) : write
  }

  #fields(type: GraphQLObjectType, nodes: readonly FieldNode[], isFrozen: boolean): ObjectField[] {
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    return [...this.#collect(type, sets)].map(([responseName, fieldNodes], index) => {
      const prefix = `${index === 0 ? '{' : ','}${JSON.stringify(responseName)}:`
      if (isTypename(fieldNodes)) return { prefix, read: () => type.name, write: writeString }
      const field = fieldOf(type, fieldNodes)
      return {
        prefix,
        read: readerOf(type, field, fieldNodes[0]!, isFrozen),
        write: this.#value(field.type, fieldNodes),
      }
    })
  }

  /** Response name -> its nodes, as https://spec.graphql.org/October2021/#CollectFields() has it. */
  #collect(type: GraphQLObjectType, sets: readonly SelectionSetNode[]): Map<string, FieldNode[]> {
    const collected = new Map<string, FieldNode[]>()
    const visited = new Set<string>()
    const visit = ({ selections }: SelectionSetNode): void => {
      for (const node of selections) {
        if (!this.#isIncluded(node)) continue
        if (node.kind === Kind.FIELD) {
          const name = node.alias?.value ?? node.name.value
          const nodes = collected.get(name)
          if (nodes) nodes.push(node)
          else collected.set(name, [node])
        } else if (node.kind === Kind.INLINE_FRAGMENT) {
          if (this.#applies(node.typeCondition, type)) visit(node.selectionSet)
        } else {
          const fragment = this.#fragments.get(node.name.value)
          if (!fragment || visited.has(node.name.value)) continue
          visited.add(node.name.value)
          if (this.#applies(fragment.typeCondition, type)) visit(fragment.selectionSet)
        }
      }
    }
    for (const set of sets) visit(set)
    return collected
  }

  #isIncluded({ directives = [] }: SelectionSetNode['selections'][number]): boolean {
    return directives.every(({ name, arguments: args = [] }) => {
      if (name.value !== 'skip' && name.value !== 'include') return true
      return this.#truth(args[0]!) === (name.value === 'include')
    })
  }

  #truth({ value }: ArgumentNode): boolean {
    if (value.kind === Kind.VARIABLE) return this.#isTrue(value.name.value)
    return value.kind === Kind.BOOLEAN && value.value
  }

  #applies(condition: FragmentDefinitionNode['typeCondition'] | undefined, type: GraphQLObjectType): boolean {
    if (!condition) return true
    const named = typeFromAST(this.#schema, condition)
    return named === type || (isAbstractType(named) && this.#schema.isSubType(named, type))
  }
}

function isTypename([node]: readonly FieldNode[]): boolean {
  return node!.name.value === '__typename'
}

function fieldOf(type: GraphQLObjectType, [node]: readonly FieldNode[]): GraphQLField<unknown, unknown> {
  const field = type.getFields()[node!.name.value]
  if (!field) throw new CannotCompile(`${node!.name.value} is no field of ${type.name}`)
  return field
}

/** How a field below the root is read of its object: as a property, or of a frozen object by its resolver. */
function readerOf(
  type: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  isFrozen: boolean,
): (parent: Record<string, unknown>) => unknown {
  const { name, resolve } = field
  if (!resolve || resolve === defaultFieldResolver) return (parent) => parent[name]
  if (!isFrozen) throw new CannotCompile(`${type.name}.${name} has a resolver of its own`)
  const readArguments = compileArguments(field, node)
  return (parent) => {
    try {
      return resolve(parent, readArguments({}), undefined, undefined as never)
    } catch {
      throw UNFORESEEN // graphql-js calls it again, and puts the error at its path
    }
  }
}

// ---- arguments

type Argument = { name: string; read(variables: Variables): unknown }

/** Throws `UNFORESEEN` where graphql-js would refuse a value. An argument that is left out is undefined. */
function compileArguments(field: GraphQLField<unknown, unknown>, { arguments: nodes = [] }: FieldNode) {
  const given = new Map(nodes.map(({ name, value }) => [name.value, value]))
  const args = field.args.map((argument) => ({
    name: argument.name,
    read: compileArgument(argument, given.get(argument.name)),
  }))
  return (variables: Variables): Record<string, unknown> => readArguments(args, variables)
}

function readArguments(args: readonly Argument[], variables: Variables): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const { name, read } of args) {
    const value = read(variables)
    if (value !== undefined) values[name] = value
  }
  return values
}

function compileArgument({ type, defaultValue }: GraphQLArgument, node: ValueNode | undefined): Argument['read'] {
  const isRequired = isNonNullType(type)
  const required = (value: unknown) => {
    if (isRequired && (value === null || value === undefined)) throw UNFORESEEN
    return value
  }
  if (!node) return () => required(defaultValue)
  if (node.kind === Kind.VARIABLE) {
    const name = node.name.value
    return (variables) => required(Object.hasOwn(variables, name) ? variables[name] : defaultValue)
  }
  const read = (variables: Variables) => {
    const value = valueFromAST(node, type, variables)
    if (value === undefined) throw UNFORESEEN
    return value
  }
  if (hasVariables(node)) return read
  const constant = read({})
  return () => constant
}

function hasVariables(node: ValueNode): boolean {
  if (node.kind === Kind.VARIABLE) return true
  if (node.kind === Kind.LIST) return node.values.some(hasVariables)
  return node.kind === Kind.OBJECT && node.fields.some(({ value }) => hasVariables(value))
}

// ---- writing values

type ObjectField = { prefix: string; read: (parent: Record<string, unknown>) => unknown; write: Write }

function writeObject(fields: readonly ObjectField[]): Write {
  return (value, tag) => {
    const parent = checked(value) as Record<string, unknown>
    if (typeof parent !== 'object') throw UNFORESEEN
    if (fields.length === 0) return '{}'
    let json = ''
    for (let at = 0; at < fields.length; at += 1) {
      const { prefix, read, write } = fields[at]!
      json += prefix + write(read(parent), tag)
    }
    return `${json}}`
  }
}

/** Objects that never change: what is written of one is kept as long as the object itself. */
function writeOnce(write: Write): Write {
  const written = new WeakMap<object, { json: string; hash: TextHash }>()
  return (value, tag) => {
    if (typeof value !== 'object' || value === null) throw UNFORESEEN
    let part = written.get(value)
    if (!part) {
      const json = write(value, new AnswerTag())
      part = { json, hash: hashOnce(json) }
      written.set(value, part)
    }
    tag.add(part.hash)
    return part.json
  }
}

function writeList(writeItem: Write): Write {
  return (value, tag) => {
    if (!Array.isArray(value)) throw UNFORESEEN
    tag.addCount(value.length)
    if (value.length === 0) return '[]'
    let json = `[${writeItem(value[0], tag)}`
    for (let at = 1; at < value.length; at += 1) json += `,${writeItem(value[at], tag)}`
    return `${json}]`
  }
}

function writeString(value: unknown, tag: AnswerTag): string {
  if (typeof value !== 'string') return writeLeaf(GraphQLString, value, tag)
  tag.addText(value)
  return JSON.stringify(value)
}

function writeLeaf(type: GraphQLLeafType, value: unknown, tag: AnswerTag): string {
  const json = JSON.stringify(serialized(type, value))
  if (json === undefined) throw UNFORESEEN
  tag.addText(json)
  return json
}

function serialized(type: GraphQLLeafType, value: unknown): unknown {
  const given = checked(value)
  let result: unknown
  try {
    result = type.serialize(given)
  } catch {
    throw UNFORESEEN // graphql-js puts the error at its path
  }
  if (result === null || result === undefined) throw UNFORESEEN
  return result
}

/** Functions are called by graphql-js, promises waited for, and errors put at their path. */
function checked(value: unknown): unknown {
  if (typeof value === 'function' || value instanceof Error || isPromise(value)) throw UNFORESEEN
  return value
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
