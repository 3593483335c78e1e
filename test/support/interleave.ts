// A store whose transactions can be held back at a chosen point, so that a test says which command comes in between.

import type { Collection, Tx } from '../../common/store/collection.ts'
import type { Store } from '../../common/store/store.ts'

const WRITES = ['insertOne', 'insertMany', 'updateOne', 'updateMany', 'findOneAndUpdate', 'bulkUpsert', 'deleteMany']

export type HoldingStore = Store & {
  /**
   * The next transaction that is about to write to this collection waits until `meanwhile` has run. What it has read
   * by then, it has read: its snapshot is older than all that happens meanwhile. Once; a rerun is not held back.
   */
  holdBefore(collection: string, meanwhile: () => Promise<unknown>): void
  /** Whether a transaction was held back since. */
  held(): boolean
}

export function holdingStore(store: Store): HoldingStore {
  let point: { collection: string; meanwhile: () => Promise<unknown> } | undefined

  async function hold(collection: string): Promise<void> {
    if (point?.collection !== collection) return
    const { meanwhile } = point
    point = undefined
    await meanwhile()
  }

  function holding(tx: Tx): Tx {
    return {
      transaction: true,
      collection<D extends { _id: string }>(name: string) {
        const collection = tx.collection<D>(name)
        return new Proxy(collection, {
          get(target, method: keyof Collection<D>) {
            const operation = target[method] as (...given: unknown[]) => Promise<unknown>
            if (!WRITES.includes(method)) return operation
            return async (...given: unknown[]) => {
              await hold(name)
              return operation(...given)
            }
          },
        })
      },
    }
  }

  return {
    ...store,
    transaction: (work) => store.transaction((tx) => work(holding(tx))),
    holdBefore(collection, meanwhile) {
      point = { collection, meanwhile }
    },
    held: () => point === undefined,
  }
}
