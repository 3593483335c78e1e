// The connection to MongoDB, or to the embedded server, and its transactions. When the connection is lost, calls fail within
// seconds instead of waiting.

import { MongoClient } from 'mongodb'
import { isExpected } from '../base/errors.ts'
import { changeIndexes } from './changes.ts'
import { bounded, type Db, type IndexDefinition, mongoCollection, type Tx } from './collection.ts'
import { repairDriver } from './driver-repair.ts'
import { idempotencyIndexes } from './idempotency.ts'
import { openMeta } from './meta.ts'
import { observeCommands, observeTransaction, type StoreObserver } from './observe.ts'
import { orUnavailable, watchWrites } from './store-errors.ts'
import { runTransaction } from './transaction.ts'

export interface Store extends Db {
  /**
   * Runs `work` in one transaction: all its writes happen, or none. After a transient error, such as a write conflict, it runs again.
   * So `work` must have no other effects. It ends within 10 s. Throws:
   * - the errors of `work`
   * - UNAVAILABLE when nothing was changed, because the store is out of reach, too slow, or others write to the same
   * - TIMEOUT when the answer to the commit is missing: whether the changes were made is not known
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** When this database was first used, in Unix seconds. It is the epoch of every published document. */
  readonly epoch: number
  readonly client: MongoClient
  /** The name of the database. */
  readonly database: string
  ensureIndexes(indexes: readonly IndexDefinition[]): Promise<void>
  ping(): Promise<void>
  /** Why the disk refused the last write. Undefined when the last write succeeded. */
  refusal(): string | undefined
  close(): Promise<void>
}

/** The chain of timeouts: a client waits 30 s, the gateway 12 s, a subgraph 11 s, a transaction 10 s (this one), a command 5 s. */
const TRANSACTION_MS = 10_000

/**
 * Connects, and creates the indexes of the change log and of the idempotency keys, which `common/store` owns. Throws when the server
 * has no transactions, and when this version cannot read the layout of the database.
 *
 * @param options.uri the address of a replica set or a sharded cluster
 * @param options.database the database to use when the URI names none
 */
export async function connectStore(options: {
  uri: string
  database?: string
  now: () => number
  observer?: StoreObserver | undefined
}): Promise<Store> {
  const { observer } = options
  repairDriver()
  const client = new MongoClient(options.uri, {
    // The driver has no time limit for a whole operation (`timeoutMS` does nothing). These limit its steps, so that an operation
    // also ends inside the driver, with its repetition. `bounded` and `runTransaction` end it for the caller.
    connectTimeoutMS: 1_500,
    socketTimeoutMS: 5_000,
    heartbeatFrequencyMS: 1_000, // a server that hangs is noticed within 1 s + connectTimeoutMS
    serverSelectionTimeoutMS: 2_000, // from then on, each operation fails after this time
    waitQueueTimeoutMS: 2_000,
    appName: 'alkaid',
    ignoreUndefined: true,
    writeConcern: { w: 'majority' },
    monitorCommands: true,
  })
  if (observer) observeCommands(client, observer)
  const refusal = watchWrites(client, observer?.log)
  try {
    await client.connect()
    await requireTransactions(client)
    const db = client.db(databaseIn(options.uri) ?? options.database ?? 'alkaid')
    const epoch = await openMeta(db, options.now)
    const store: Store = {
      epoch,
      client,
      database: db.databaseName,
      collection: (name) => mongoCollection(db, name, (operation) => orUnavailable(() => bounded(operation))),
      async transaction(work) {
        let attempts = 0
        const onAttempt = () => {
          attempts += 1
        }
        const whole = () =>
          orUnavailable(() => runTransaction({ client, db, work, deadlineMs: TRANSACTION_MS, onAttempt }))
        return observer ? observeTransaction(observer, () => attempts, isRefusal, whole) : whole()
      },
      async ensureIndexes(indexes) {
        for (const { collection, key, options: indexOptions } of indexes) {
          await db.collection(collection).createIndex(key, indexOptions)
        }
      },
      async ping() {
        await bounded(() => db.command({ ping: 1 }))
      },
      refusal,
      close: () => client.close(),
    }
    await store.ensureIndexes([...changeIndexes, ...idempotencyIndexes])
    return store
  } catch (error) {
    await client.close()
    throw error
  }
}

/** Whether a rule refused. An outage is a failure, although it has a code, too. */
function isRefusal(error: unknown): boolean {
  return isExpected(error) && error.code !== 'UNAVAILABLE' && error.code !== 'TIMEOUT'
}

async function requireTransactions(client: MongoClient): Promise<void> {
  const hello = await client.db('admin').command({ hello: 1 })
  if (hello.setName || hello.msg === 'isdbgrid') return
  throw new Error(
    'it is a standalone server, which cannot do transactions; expected a replica set or a sharded cluster',
  )
}

function databaseIn(uri: string): string | undefined {
  return /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(uri)?.[1]
}
