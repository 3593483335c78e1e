// The connection to MongoDB, or to the embedded server, and its transactions. When the connection is lost, calls fail within
// seconds instead of waiting.

import { type ClientSession, MongoClient } from 'mongodb'
import { AlkaidError, isExpected } from '../base/errors.ts'
import { changeIndexes } from './changes.ts'
import { type Db, type IndexDefinition, mongoCollection, mongoTransaction, type Tx } from './collection.ts'
import { idempotencyIndexes } from './idempotency.ts'
import { openMeta } from './meta.ts'
import { observeCommands, observeTransaction, type StoreObserver } from './observe.ts'
import { orUnavailable, watchWrites } from './store-errors.ts'

export interface Store extends Db {
  /**
   * Runs `work` in one transaction: all its writes happen, or none. After a transient error, such as a write conflict, it runs again.
   * So `work` must have no other effects. Throws the errors of `work`, and UNAVAILABLE when it does not succeed within 10 s.
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
  const client = new MongoClient(options.uri, {
    connectTimeoutMS: 1_500,
    socketTimeoutMS: 5_000,
    heartbeatFrequencyMS: 1_000,
    serverSelectionTimeoutMS: 3_000,
    waitQueueTimeoutMS: 3_000,
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
      collection: (name) => mongoCollection(db, name, orUnavailable),
      async transaction(work) {
        const deadline = Date.now() + TRANSACTION_MS
        let attempts = 0
        const run = (session: ClientSession) =>
          session.withTransaction(
            async () => {
              attempts += 1
              if (Date.now() > deadline)
                throw new AlkaidError('UNAVAILABLE', 'Too many others write to the same: try again')
              return work(mongoTransaction(db, session))
            },
            { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } },
          )
        const whole = () => orUnavailable(() => client.withSession(run))
        return observer ? observeTransaction(observer, () => attempts, isExpected, whole) : whole()
      },
      async ensureIndexes(indexes) {
        for (const { collection, key, options: indexOptions } of indexes) {
          await db.collection(collection).createIndex(key, indexOptions)
        }
      },
      async ping() {
        await db.command({ ping: 1 })
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
