// What the query planner gets: the operation with every argument as a variable. Its own walks over literals cost twice as
// much for each list in a list, and read numbers as JavaScript does; it never sees a literal of a client. Operations that
// differ only in their values also have one plan.
//
//     query ($who: String = "ann") { slots(first: 3, by: {name: $who}) { code } }
//     query ($a0: Int, $a1: SlotOrder) { slots(first: $a0, by: $a1) { code } }      {a0: 3, a1: {name: "ann"}}

import { createHash } from 'node:crypto'
import {
  type ArgumentNode,
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parseType,
  print,
  separateOperations,
  TypeInfo,
  type TypeNode,
  type ValueNode,
  type VariableDefinitionNode,
  valueFromAST,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { badInput } from '../common/base/errors.ts'
import { MAX_NESTING, requireShallow } from '../common/command/json.ts'
import type { Variables } from '../common/graphql/variables.ts'

/** What is planned in place of an operation. It follows from the operation alone, so that its plan can be kept. */
export type Planned = {
  document: DocumentNode
  operation: OperationDefinitionNode
  /** SHA-256 (hex) of the text. */
  hash: string
  /** The variables of it, of those that the client's operation was read with. Throws BAD_USER_INPUT. */
  variables(given: Variables): Variables
}

/** An argument's value in the client's operation, and what it is called in what is planned. */
type Value = { name: string; argument: string; type: GraphQLInputType; node: ValueNode }

/** @param document valid, with the operation in it. */
export function withoutLiterals(
  schema: GraphQLSchema,
  document: DocumentNode,
  chosen: OperationDefinitionNode,
): Planned {
  const separate = separateOperations(document)[chosen.name?.value ?? '']!
  const definitions = new Map((chosen.variableDefinitions ?? []).map((node) => [node.variable.name.value, node]))
  const values = new Map<string, Value>()
  /** Variables that stay. They are renamed, since the planner has names of its own, as `representations`. */
  const kept = new Set<string>()
  const types = new TypeInfo(schema)

  function planArgument(node: ArgumentNode): ArgumentNode {
    const type = types.getArgument()!.type
    if (types.getDirective() || isPlain(node.value)) return keepVariable(node)
    const key = `${type} ${canonical(node.value)}`
    const value = values.get(key) ?? { name: `a${values.size}`, argument: node.name.value, type, node: node.value }
    values.set(key, value)
    return { ...node, value: variable(value.name) }
  }

  /** A variable without a default is what it would become; one with a default may be needed where null may not be. */
  function isPlain(value: ValueNode): boolean {
    return value.kind === Kind.VARIABLE && !definitions.get(value.name.value)?.defaultValue
  }

  function keepVariable(node: ArgumentNode): ArgumentNode {
    if (node.value.kind !== Kind.VARIABLE) return node // `@skip(if: true)`
    kept.add(node.value.name.value)
    return { ...node, value: variable(renamed(node.value.name.value)) }
  }

  const rewritten = visit(separate, visitWithTypeInfo(types, { Argument: { leave: planArgument } }))
  const variableDefinitions: VariableDefinitionNode[] = [
    ...[...kept].map((name) => ({ ...definitions.get(name)!, variable: variable(renamed(name)) })),
    ...[...values.values()].map(({ name, type }) => define(name, parseType(String(type)))),
  ]
  const planned: DocumentNode = {
    ...rewritten,
    definitions: rewritten.definitions.map((part) =>
      part.kind === Kind.OPERATION_DEFINITION ? { ...part, variableDefinitions } : part,
    ),
  }
  return {
    document: planned,
    operation: planned.definitions.find((part) => part.kind === Kind.OPERATION_DEFINITION)!,
    hash: createHash('sha256').update(print(planned)).digest('hex'),
    variables: (given) => ({ ...keptValues(kept, given), ...literalValues(values, given) }),
  }
}

function keptValues(kept: ReadonlySet<string>, given: Variables): Variables {
  return Object.fromEntries(
    [...kept].flatMap((name) => (Object.hasOwn(given, name) ? [[renamed(name), given[name]]] : [])),
  )
}

function literalValues(values: ReadonlyMap<string, Value>, given: Variables): Variables {
  return Object.fromEntries(
    [...values.values()].map(({ name, argument, type, node }) => {
      const value = valueFromAST(node, type, given)
      // The document is valid: only a variable can be null where there must be something.
      if (value === undefined)
        throw badInput(argument, `must not be null, nor have a null in it where its type ${type} has none`)
      // Variables in a literal are as deep as both together. In the body of a request to a subgraph it is one level deeper.
      requireShallow({ [argument]: value }, argument, MAX_NESTING - 1)
      return [name, value]
    }),
  )
}

/**
 * One text for values that GraphQL takes as the same: it merges fields of one name whose arguments are the same in any order.
 */
function canonical(node: ValueNode): string {
  if (node.kind === Kind.LIST) return `[${node.values.map(canonical).join(',')}]`
  if (node.kind !== Kind.OBJECT) return print(node)
  const fields = node.fields.map(({ name, value }) => `${name.value}:${canonical(value)}`)
  return `{${fields.sort().join(',')}}`
}

/** Different from every `a0`. */
function renamed(name: string): string {
  return `_${name}`
}

function variable(name: string) {
  return { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } } as const
}

function define(name: string, type: TypeNode): VariableDefinitionNode {
  return { kind: Kind.VARIABLE_DEFINITION, variable: variable(name), type }
}
