// Deletes the documents that have passed the time of a TTL index: the date in the indexed field (in an array, the
// earliest) plus `expireAfterSeconds`. A document that a transaction has locked stays until the next pass.
import { compileQuery } from './query/filter.ts'
import type { Collection } from './store/collection.ts'
import type { Store } from './store/store.ts'
import { BlockedError } from './store/unit-of-work.ts'

export function deleteExpired(store: Store, now: number): void {
  for (const namespace of store.namespaces()) {
    const collection = store.collection(namespace, store.begin(false))
    if (collection !== undefined) deleteFrom(store, collection, now)
  }
}

function deleteFrom(store: Store, collection: Collection, now: number): void {
  for (const { definition } of collection.indexes.values()) {
    if (definition.expireAfterSeconds === undefined) continue
    const [path] = Object.keys(definition.key) as [string]
    const before = new Date(now - definition.expireAfterSeconds * 1000)
    const expired = compileQuery({ $and: [definition.partialFilterExpression ?? {}, { [path]: { $lte: before } }] })
    const unit = store.begin(false)
    for (const { record } of [...collection.find(unit, expired)]) {
      try {
        collection.delete(unit, record)
      } catch (error) {
        if (!(error instanceof BlockedError)) throw error
      }
    }
    store.commit(unit)
  }
}
