// Rows over a collection of the driver, with or without a session. Inside a transaction it runs one operation at
// a time and throws on an overlapping one: MongoDB forbids that, and the driver does not notice.

import type { ClientSession, Collection, Db as MongoDb, OptionalUnlessRequiredId } from 'mongodb'
import type { Rows, Tx } from './rows.ts'

type Run = <T>(operation: () => Promise<T>) => Promise<T>

export function collectionRows<D extends { _id: string }>(
  collection: Collection<D>,
  session: ClientSession | undefined,
  run: Run,
): Rows<D> {
  const options = session ? { session } : {}
  return {
    findOne: (filter, find) => run(async () => (await collection.findOne(filter, { ...options, ...find })) as D | null),
    find: (filter, find) => run(async () => (await collection.find(filter, { ...options, ...find }).toArray()) as D[]),
    count: (filter) => run(() => collection.countDocuments(filter, options)),
    aggregate: (pipeline) => run(() => collection.aggregate(pipeline, options).toArray() as Promise<never>),
    insertOne: (document) =>
      run(async () => {
        await collection.insertOne(document as OptionalUnlessRequiredId<D>, options)
      }),
    insertMany: (documents) =>
      run(async () => {
        if (documents.length > 0) await collection.insertMany(documents as OptionalUnlessRequiredId<D>[], options)
      }),
    updateOne: (filter, update, more) =>
      run(async () => (await collection.updateOne(filter, update, { ...options, ...more })).matchedCount),
    updateMany: (filter, update) =>
      run(async () => (await collection.updateMany(filter, update, options)).matchedCount),
    findOneAndUpdate: (filter, update, more) =>
      run(
        async () =>
          (await collection.findOneAndUpdate(filter, update, {
            ...options,
            ...more,
            returnDocument: 'after',
          })) as D | null,
      ),
    bulkUpsert: (upserts) =>
      run(async () => {
        if (upserts.length === 0) return
        const operations = upserts.map((upsert) => ({ updateOne: { ...upsert, upsert: true } }))
        await collection.bulkWrite(operations, { ...options, ordered: true })
      }),
    deleteMany: (filter) => run(async () => (await collection.deleteMany(filter, options)).deletedCount),
  }
}

/** The transaction that a session has open. */
export function sessionTx(db: MongoDb, session: ClientSession): Tx {
  let busy = false
  const run: Run = async (operation) => {
    if (busy) throw new Error('Two operations of one transaction overlap: await the first before the second')
    busy = true
    try {
      return await operation()
    } finally {
      busy = false
    }
  }
  return {
    transaction: true,
    rows: <D extends { _id: string }>(collection: string) =>
      collectionRows<D>(db.collection(collection) as unknown as Collection<D>, session, run),
  }
}
