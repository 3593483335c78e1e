// The custom scalars DateTime and JSON. The gateway checks them as the subgraphs do, so that it refuses wrong values itself.

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

/** JSON of graphql-scalars, but a bare name in a literal is refused. Example: `{colour: RED}`. */
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
 * Makes the scalars of the gateway's schema refuse what a subgraph would refuse. That schema is made from SDL only, so its scalars
 * accept everything. Accepted values stay as the client wrote them.
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
