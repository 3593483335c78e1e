// The hashes of the persisted operations, by name.

import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'

export const PERSISTED_QUERIES = new URL('../../schema/persisted-queries.json', import.meta.url)

export function operationIds(): Record<string, string> {
  const operations = [...readPersistedOperations(PERSISTED_QUERIES).values()]
  return Object.fromEntries(operations.map(({ id, name }) => [name, id]))
}
