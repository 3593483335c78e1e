// How much one request may list. Each list is bounded by its page, but lists in lists multiply, and a few lines of a
// query could ask for a hundred million things: so all the items that a request is answered are counted, wherever they
// stand.

import { defaultFieldResolver, type GraphQLSchema, getNullableType, isListType, isObjectType } from 'graphql'
import { AlkaidError } from '../base/errors.ts'

/** Items of lists in one answer of one subgraph; more than the longest list, a report of 20,000 rows. */
export const MAX_ITEMS = 50_000

/** What a gateway asks with: as many as others found, and nothing that clients see as a list. */
const ENTITIES = '_entities'

/**
 * Makes every list of a schema count against the request that it is an answer to; one that is too many is LIMIT_EXCEEDED
 * in its place. A request is known by its context.
 */
export function limitLists(schema: GraphQLSchema): void {
  const counted = new WeakMap<object, number>()

  function count<T>(value: T, context: object): T {
    if (!Array.isArray(value)) return value
    const items = (counted.get(context) ?? 0) + value.length
    if (items > MAX_ITEMS) {
      const limit = MAX_ITEMS.toLocaleString('en')
      const message = `An answer may hold at most ${limit} items of lists: ask for shorter lists, or for fewer in lists`
      throw new AlkaidError('LIMIT_EXCEEDED', message)
    }
    counted.set(context, items)
    return value
  }

  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields())) {
      if (!isListType(getNullableType(field.type)) || field.name === ENTITIES) continue
      const resolve = field.resolve ?? defaultFieldResolver
      field.resolve = (parent, args, context: object, info) => {
        const value: unknown = resolve(parent, args, context, info)
        return value instanceof Promise ? value.then((found) => count(found, context)) : count(value, context)
      }
    }
  }
}
