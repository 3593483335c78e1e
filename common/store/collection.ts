// What a repository may do with a collection. It is the same inside and outside a transaction, so a repository takes a `Db`:
// the store itself, or an open transaction.

import type {
  ClientSession,
  CreateIndexesOptions,
  Document,
  Filter,
  IndexSpecification,
  Collection as MongoCollection,
  Db as MongoDb,
  OptionalUnlessRequiredId,
  Sort,
  UpdateFilter,
} from 'mongodb'
import { withDeadline } from '../base/deadline.ts'
import { AlkaidError } from '../base/errors.ts'

export type FindOptions = { sort?: Sort; limit?: number; skip?: number; projection?: Document }

/** One collection. Every document has a string `_id`. */
export interface Collection<D extends { _id: string }> {
  findOne(filter: Filter<D>, options?: FindOptions): Promise<D | null>
  find(filter: Filter<D>, options?: FindOptions): Promise<D[]>
  count(filter: Filter<D>): Promise<number>
  aggregate<R extends Document>(pipeline: Document[]): Promise<R[]>
  insertOne(document: D): Promise<void>
  insertMany(documents: readonly D[]): Promise<void>
  /** Resolves to the number of documents that matched. */
  updateOne(filter: Filter<D>, update: UpdateFilter<D>, options?: { upsert?: boolean }): Promise<number>
  updateMany(filter: Filter<D>, update: UpdateFilter<D>): Promise<number>
  /** The document after the update, or null when none matched. */
  findOneAndUpdate(filter: Filter<D>, update: UpdateFilter<D>, options?: { upsert?: boolean }): Promise<D | null>
  bulkUpsert(upserts: readonly { filter: Filter<D>; update: UpdateFilter<D> }[]): Promise<void>
  deleteMany(filter: Filter<D>): Promise<number>
}

/** The store itself or an open transaction. */
export interface Db {
  collection<D extends { _id: string }>(name: string): Collection<D>
}

/** An open transaction. Its operations run one at a time. An operation that overlaps another throws. */
export interface Tx extends Db {
  readonly transaction: true
}

/** One index of a collection. */
export type IndexDefinition = { collection: string; key: IndexSpecification; options?: CreateIndexesOptions }

/** Several documents in one read, in the order of the ids, which may repeat. Null where there is no document. */
export async function findByIds<D extends { _id: string }>(
  collection: Collection<D>,
  ids: readonly string[],
  projection?: Document,
): Promise<(D | null)[]> {
  const filter = { _id: { $in: [...new Set(ids)] } } as Filter<D>
  const found = await collection.find(filter, projection ? { projection } : {})
  const byId = new Map(found.map((document) => [document._id, document]))
  return ids.map((id) => byId.get(id) ?? null)
}

const COMMAND_MS = 5_000

/** An operation with a time limit, which includes the repetition by the driver. Throws TIMEOUT. */
export function bounded<T>(operation: () => Promise<T>): Promise<T> {
  return withDeadline(COMMAND_MS, operation(), () => new AlkaidError('TIMEOUT', LATE))
}

const LATE = `The store did not answer within ${COMMAND_MS} ms. It is not known whether a change was made. Try again`

/** Runs each operation of a collection, for example to translate its errors. */
type Run = <T>(operation: () => Promise<T>) => Promise<T>

/** A collection of the driver. With a session, its operations are part of the session's transaction. */
export function mongoCollection<D extends { _id: string }>(
  db: MongoDb,
  name: string,
  run: Run,
  session?: ClientSession,
): Collection<D> {
  const collection = db.collection(name) as unknown as MongoCollection<D>
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

/**
 * The open transaction of a session. MongoDB forbids overlapping operations in a transaction, and the driver does not notice
 * them. So they throw here.
 */
export function mongoTransaction(db: MongoDb, session: ClientSession): Tx {
  let busy = false
  const run: Run = async (operation) => {
    if (busy) throw new Error('Two operations of one transaction overlap: await the first before the second')
    busy = true
    try {
      return await bounded(operation)
    } finally {
      busy = false
    }
  }
  return { transaction: true, collection: (name) => mongoCollection(db, name, run, session) }
}
