// What a database says of itself, in one document: since when it is used (the epoch), and how what is in it is written
// (the layout). A database of another layout is refused at start, before anything reads it wrongly.

import type { Collection, MongoClient } from 'mongodb'

/** How this version writes documents. +1 whenever it could no longer read those that are there already. */
export const LAYOUT = 5

type Meta = {
  _id: string
  /** Unix seconds. */
  epoch: number
  /** Missing in the first one. */
  layout?: number
}

const ID = 'epoch'

/** The epoch of the database. Throws when another version wrote it, in a layout that this one does not read. */
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
 * Renews the epoch of a database that was restored, so that whatever is written from now on is higher than what nodes
 * hold from before. Answers the new one; processes that are running keep the old one until they are started again.
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
