// The scalars of the graph, the same in every subgraph and in the gateway, so that a wrong value is refused where it comes in.

import {
  GraphQLError,
  GraphQLScalarType,
  type GraphQLSchema,
  isScalarType,
  Kind,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql'
import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars'

const json = GraphQLJSON.toConfig()

/** JSON as graphql-scalars has it, but that a bare name in a literal, as `{colour: RED}`, is no JSON. */
const jsonScalar = new GraphQLScalarType({
  ...json,
  parseLiteral(node, variables) {
    const name = bareName(node)
    if (name) {
      const message = `JSON has no bare names: write ${name.value} as text, "${name.value}"`
      throw new GraphQLError(message, { nodes: name })
    }
    return json.parseLiteral(node, variables)
  },
})

export const scalars = { DateTime: GraphQLDateTimeISO, JSON: jsonScalar }

/**
 * For the schema of a gateway, whose scalars take anything since it was made from SDL alone: they take what a subgraph takes,
 * and hand it on as it was written.
 */
export function checkScalars(schema: GraphQLSchema): void {
  for (const [name, { parseValue, parseLiteral }] of Object.entries(scalars)) {
    const type = schema.getType(name)
    if (!isScalarType(type)) continue
    type.parseValue = (value) => {
      parseValue(value)
      return value
    }
    type.parseLiteral = (node, variables) => {
      parseLiteral(node, variables)
      return valueFromASTUntyped(node, variables)
    }
  }
}

function bareName(node: ValueNode): (ValueNode & { kind: Kind.ENUM }) | undefined {
  if (node.kind === Kind.ENUM) return node
  const parts =
    node.kind === Kind.LIST ? node.values : node.kind === Kind.OBJECT ? node.fields.map(({ value }) => value) : []
  for (const part of parts) {
    const found = bareName(part)
    if (found) return found
  }
  return undefined
}
