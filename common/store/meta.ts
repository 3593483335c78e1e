// The meta document of a database. It has the epoch (the time of its first use) and the layout (the format of its documents). A
// database of another layout is refused at start, before anything reads it wrongly.

import type { Collection, MongoClient } from 'mongodb'

/** The format in which this version writes documents. Raise it by 1 when a version cannot read the existing documents any more. */
export const LAYOUT = 5

type Meta = {
  _id: string
  /** Unix seconds. */
  epoch: number
  /** Missing in layout 1. */
  layout?: number
}

const ID = 'epoch'

/** Resolves to the epoch of the database, and writes the document when it is new. Throws for a database of another layout. */
export async function openMeta(db: { collection(name: 'meta'): Collection<Meta> }, now: () => number): Promise<number> {
  const meta = db.collection('meta')
  const first = { epoch: Math.floor(now() / 1000), layout: LAYOUT }
  await meta.updateOne({ _id: ID }, { $setOnInsert: first }, { upsert: true })
  const { epoch, layout = 1 } = (await meta.findOne({ _id: ID }))!
  if (layout !== LAYOUT) {
    const what = `the database is in layout ${layout}, and this version of Alkaid reads and writes layout ${LAYOUT} only`
    throw new Error(`${what}: start with an empty one, or with the version that wrote it`)
  }
  return epoch
}

/**
 * Raises the epoch of a restored database, so that new documents are higher than those that nodes still hold. Resolves to the new
 * epoch. Running processes keep the old one until they are started again.
 */
export async function raiseEpoch(
  store: { epoch: number; client: MongoClient; database: string },
  now: number,
): Promise<number> {
  const epoch = Math.max(Math.floor(now / 1000), store.epoch + 1)
  const meta = store.client.db(store.database).collection<Meta>('meta')
  await meta.updateOne({ _id: ID }, { $max: { epoch } })
  return epoch
}
