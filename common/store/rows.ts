// What repositories may do to a collection, the same inside and outside a transaction.

import type { CreateIndexesOptions, Document, Filter, IndexSpecification, Sort, UpdateFilter } from 'mongodb'

export type FindOptions = { sort?: Sort; limit?: number; skip?: number; projection?: Document }

/** One collection. Every document has a string `_id`. */
export interface Rows<D extends { _id: string }> {
  findOne(filter: Filter<D>, options?: FindOptions): Promise<D | null>
  find(filter: Filter<D>, options?: FindOptions): Promise<D[]>
  count(filter: Filter<D>): Promise<number>
  aggregate<R extends Document>(pipeline: Document[]): Promise<R[]>
  insertOne(document: D): Promise<void>
  insertMany(documents: readonly D[]): Promise<void>
  /** The number of documents that matched. */
  updateOne(filter: Filter<D>, update: UpdateFilter<D>, options?: { upsert?: boolean }): Promise<number>
  updateMany(filter: Filter<D>, update: UpdateFilter<D>): Promise<number>
  /** The document after the update, or null when none matched. */
  findOneAndUpdate(filter: Filter<D>, update: UpdateFilter<D>, options?: { upsert?: boolean }): Promise<D | null>
  bulkUpsert(upserts: readonly { filter: Filter<D>; update: UpdateFilter<D> }[]): Promise<void>
  deleteMany(filter: Filter<D>): Promise<number>
}

/** Where rows come from: the store itself or an open transaction. Repositories take either. */
export interface Db {
  rows<D extends { _id: string }>(collection: string): Rows<D>
}

/** An open transaction. Its operations run one at a time; overlapping ones throw. */
export interface Tx extends Db {
  readonly transaction: true
}

/** One index of a collection. */
export type IndexDefinition = { collection: string; key: IndexSpecification; options?: CreateIndexesOptions }
