// Compiles the selection of an operation for given values of the variables in `@skip` and `@include`. The result says which fields are
// read, and how their values are written.

import {
  type ArgumentNode,
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNullableType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLString,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
  type ValueNode,
  valueFromAST,
} from 'graphql'
import type { Variables } from './compiled-variables.ts'
import {
  type ObjectField,
  UNFORESEEN,
  type Write,
  writeEnum,
  writeLeaf,
  writeList,
  writeObject,
  writeOnce,
  writeString,
} from './json-writers.ts'

export type CompileOptions = {
  schema: GraphQLSchema
  /** One operation, validated against the schema. */
  document: DocumentNode
  /**
   * Types whose objects never change after a resolver returned them. Each object is written once for each selection. Resolvers of
   * these types are called with the parent and the arguments only.
   */
  frozenTypes: readonly string[]
}

/** Thrown for a selection that this module cannot compile. The message says why. */
export class CannotCompile extends Error {}

export type RootField = {
  /** `"name":`, with a comma before it unless it is the first. */
  prefix: string
  responseName: string
  nodes: readonly FieldNode[]
  resolve: GraphQLField<unknown, unknown>['resolve']
  readArguments: (variables: Variables) => Record<string, unknown>
  isNullable: boolean
  write: Write
}
/** JSON of a root field without a resolver: `__typename`. */
type RootConstant = { constant: string }
/** The fields of Query or Mutation that an operation selects, in order. */
export type Root = readonly (RootField | RootConstant)[]

export class SelectionCompiler {
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
      const write = this.#notNull(type.ofType as GraphQLNullableType & GraphQLOutputType, nodes)
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

  #notNull(type: GraphQLNullableType & GraphQLOutputType, nodes: readonly FieldNode[]): Write {
    if (isListType(type)) return writeList(this.#value(type.ofType, nodes))
    if (type === GraphQLString) return writeString
    if (isEnumType(type)) return writeEnum(type)
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

  /** Response name -> its nodes. This is CollectFields of the specification: https://spec.graphql.org/October2021/#CollectFields() */
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

/** Returns the function that reads a field below the root. It reads a property, or calls the resolver of a frozen object. */
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
      throw UNFORESEEN // graphql-js calls the resolver again, and adds the path to the error
    }
  }
}

type Argument = { name: string; read(variables: Variables): unknown }

/** The function throws `UNFORESEEN` for a value that graphql-js would refuse. An argument that is left out is undefined. */
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
