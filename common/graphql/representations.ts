// What a gateway, or a router in its place, asks entities by: `{"__typename": "Slot", "id": "slt_..."}`. The type `_Any` takes
// anything, so what is no such reference is refused here, before a resolver reads its keys.

import { defaultFieldResolver, type GraphQLObjectType, type GraphQLSchema, isUnionType, Kind } from 'graphql'
import { badInput } from '../base/errors.ts'

const ENTITIES = '_entities'

/** Makes `_entities` answer BAD_USER_INPUT for a representation that names no entity of the schema, or lacks its key. */
export function checkRepresentations(schema: GraphQLSchema): void {
  const field = schema.getQueryType()?.getFields()[ENTITIES]
  const entities = schema.getType('_Entity')
  if (!field || !isUnionType(entities)) return
  const keys = new Map(entities.getTypes().map((type) => [type.name, keysOf(type)]))
  const resolve = field.resolve ?? defaultFieldResolver
  field.resolve = (parent, args, context, info) => {
    for (const [index, representation] of (args.representations as readonly unknown[]).entries()) {
      const mistake = mistakeIn(representation, keys)
      if (mistake) throw badInput(`representations[${index}]`, mistake)
    }
    return resolve(parent, args, context, info)
  }
}

function mistakeIn(representation: unknown, keys: ReadonlyMap<string, readonly string[]>): string | undefined {
  if (typeof representation !== 'object' || representation === null) return 'must be an object'
  const given = representation as Record<string, unknown>
  const names = keys.get(String(given.__typename))
  if (!names) return `must have a __typename: one of ${[...keys.keys()].join(', ')}`
  const missing = names.find((name) => typeof given[name] !== 'string' && typeof given[name] !== 'number')
  return missing === undefined ? undefined : `must have the key ${missing}, as text or a number`
}

/** `id` and `revision` for `@key(fields: "id revision")`. A key within a key would need more than this. */
function keysOf({ astNode }: GraphQLObjectType): string[] {
  const directive = astNode?.directives?.find(({ name }) => name.value === 'key')
  const fields = directive?.arguments?.find(({ name }) => name.value === 'fields')?.value
  return fields?.kind === Kind.STRING ? fields.value.split(/\s+/).filter(Boolean) : []
}
