// Several documents of a collection in one read, as DataLoaders and rules want them.

import type { Document, Filter } from 'mongodb'
import type { Rows } from './rows.ts'

/** The documents in the order of the ids, which may repeat; null where there is none. */
export async function byIds<D extends { _id: string }>(
  rows: Rows<D>,
  ids: readonly string[],
  projection?: Document,
): Promise<(D | null)[]> {
  const filter = { _id: { $in: [...new Set(ids)] } } as Filter<D>
  const found = await rows.find(filter, projection ? { projection } : {})
  const byId = new Map(found.map((document) => [document._id, document]))
  return ids.map((id) => byId.get(id) ?? null)
}
