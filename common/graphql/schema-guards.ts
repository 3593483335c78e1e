// Guards that a subgraph's schema puts before its own resolvers:
// - `checkRepresentations` refuses entity references that name no entity
// - `limitLists` bounds how many list items one answer may hold

import {
  defaultFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNullableType,
  isListType,
  isObjectType,
  isUnionType,
  Kind,
} from 'graphql'
import { AlkaidError, badInput } from '../base/errors.ts'

/** The field by which a gateway reads entities, by references such as `{"__typename": "Slot", "id": "slt_..."}`. */
const ENTITIES = '_entities'

/**
 * Makes `_entities` throw BAD_USER_INPUT for a reference that names no entity of the schema, or lacks its key. The type `_Any`
 * accepts every value, so GraphQL does not check this.
 */
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
  const reference = representation as Record<string, unknown>
  const names = keys.get(String(reference.__typename))
  if (!names) return `must have a __typename: one of ${[...keys.keys()].join(', ')}`
  const missing = names.find((name) => typeof reference[name] !== 'string' && typeof reference[name] !== 'number')
  return missing === undefined ? undefined : `must have the key ${missing}, as text or a number`
}

/** `@key(fields: "id revision")` -> `['id', 'revision']`. Nested keys are not supported; the schema has none. */
function keysOf({ astNode }: GraphQLObjectType): string[] {
  const directive = astNode?.directives?.find(({ name }) => name.value === 'key')
  const fields = directive?.arguments?.find(({ name }) => name.value === 'fields')?.value
  return fields?.kind === Kind.STRING ? fields.value.split(/\s+/).filter(Boolean) : []
}

/** List items in one answer of one subgraph. The longest single list is a report of 20,000 rows. */
export const MAX_ITEMS = 50_000

/**
 * Counts all list items of one answer, and throws LIMIT_EXCEEDED for the list that goes over the limit. Each list has its own page
 * limit, but nested lists multiply: 100 slots with 100 schedules with 100 creatives are 1,000,000 items.
 */
export function limitLists(schema: GraphQLSchema): void {
  // The context object is made for each request, so it identifies the request. The entry goes away together with it.
  const itemsOfRequest = new WeakMap<object, number>()

  function count<T>(value: T, context: object): T {
    if (!Array.isArray(value)) return value
    const items = (itemsOfRequest.get(context) ?? 0) + value.length
    if (items > MAX_ITEMS) {
      const limit = MAX_ITEMS.toLocaleString('en')
      const message = `An answer may hold at most ${limit} items of lists: ask for shorter lists, or for fewer in lists`
      throw new AlkaidError('LIMIT_EXCEEDED', message)
    }
    itemsOfRequest.set(context, items)
    return value
  }

  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields())) {
      // `_entities` is not a list that a client asked for: its length is what other subgraphs found.
      if (!isListType(getNullableType(field.type)) || field.name === ENTITIES) continue
      const resolve = field.resolve ?? defaultFieldResolver
      field.resolve = (parent, args, context: object, info) => {
        const value: unknown = resolve(parent, args, context, info)
        return value instanceof Promise ? value.then((found) => count(found, context)) : count(value, context)
      }
    }
  }
}
