// Rewrites an operation for the query planner: every argument becomes a variable. There are two reasons. The planner's work on
// literals doubles with each list in a list, and it rounds large numbers. Operations that differ only in values also share a plan.
// Example, before and after:
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

/** What the planner gets. It depends on the operation alone and not on variables, so its plan can be cached. */
export type PlanInput = {
  document: DocumentNode
  operation: OperationDefinitionNode
  /** SHA-256 (hex) of the document's text. */
  hash: string
  /** The variables of the rewritten operation, from the coerced ones of the client. Throws BAD_USER_INPUT. */
  variables(given: Variables): Variables
}

/** An argument's value in the client's operation, and the name of its new variable. */
type Value = { name: string; argument: string; type: GraphQLInputType; node: ValueNode }

/**
 * @param document validated.
 * @param chosen the operation to run, in this document.
 */
export function withoutLiterals(
  schema: GraphQLSchema,
  document: DocumentNode,
  chosen: OperationDefinitionNode,
): PlanInput {
  const separate = separateOperations(document)[chosen.name?.value ?? '']!
  const definitions = new Map((chosen.variableDefinitions ?? []).map((node) => [node.variable.name.value, node]))
  const values = new Map<string, Value>()
  /** Variables that stay variables. They are renamed, since the planner uses some names itself, for example `representations`. */
  const kept = new Set<string>()
  const types = new TypeInfo(schema)

  function planArgument(node: ArgumentNode): ArgumentNode {
    const type = types.getArgument()!.type
    if (types.getDirective() || isBareVariable(node.value)) return keepVariable(node)
    const key = `${type} ${canonical(node.value)}`
    const value = values.get(key) ?? { name: `a${values.size}`, argument: node.name.value, type, node: node.value }
    values.set(key, value)
    return { ...node, value: variable(value.name) }
  }

  /** A variable with a default is rewritten: it may stand where null is not allowed, and the new variable has the exact type. */
  function isBareVariable(value: ValueNode): boolean {
    return value.kind === Kind.VARIABLE && !definitions.get(value.name.value)?.defaultValue
  }

  function keepVariable(node: ArgumentNode): ArgumentNode {
    if (node.value.kind !== Kind.VARIABLE) return node // as in `@skip(if: true)`
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
      // The document is valid, so the cause is a variable that is null, or contains null, where its type allows none.
      if (value === undefined)
        throw badInput(argument, `must not be null, nor contain null where its type ${type} does not allow it`)
      // The depth of a literal and of the variables in it add up. The request to the subgraph adds one level more.
      requireShallow({ [argument]: value }, argument, MAX_NESTING - 1)
      return [name, value]
    }),
  )
}

/** A text that is equal for equal values. The order of keys in an object does not matter: `{a: 1, b: 2}` equals `{b: 2, a: 1}`. */
function canonical(node: ValueNode): string {
  if (node.kind === Kind.LIST) return `[${node.values.map(canonical).join(',')}]`
  if (node.kind !== Kind.OBJECT) return print(node)
  const fields = node.fields.map(({ name, value }) => `${name.value}:${canonical(value)}`)
  return `{${fields.sort().join(',')}}`
}

/** The `_` keeps it apart from the new names `a0`, `a1`, ... */
function renamed(name: string): string {
  return `_${name}`
}

function variable(name: string) {
  return { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } } as const
}

function define(name: string, type: TypeNode): VariableDefinitionNode {
  return { kind: Kind.VARIABLE_DEFINITION, variable: variable(name), type }
}
