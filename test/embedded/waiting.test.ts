// Which command waits for which, in which order, and that none waits forever: writes, transactions, definitions.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { type ClientSession, type Document, Long, UUID } from 'mongodb'
import { rawClient } from './raw.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

function begin(): ClientSession {
  const session = fixture.client.startSession()
  session.startTransaction()
  return session
}

async function filled(...documents: Record<string, unknown>[]) {
  const collection = fixture.collection()
  await collection.insertMany(documents)
  return collection
}

const append = (list: number): AnyDocument => ({ $push: { list } })

async function ask(command: Document): Promise<Document> {
  const raw = await rawClient(fixture.uri)
  const reply = await raw.command({ ...command, $db: command.$db ?? fixture.db.databaseName })
  raw.socket.destroy()
  return reply
}

describe('plain writes', () => {
  test('that wait for one transaction go on in the order in which they came', async () => {
    const collection = await filled({ _id: 1, list: [] })
    const session = begin()
    await collection.updateOne({ _id: 1 }, append(0), { session })
    const waiting: Promise<unknown>[] = []
    for (let at = 1; at <= 5; at++) {
      // Some have a time limit, which must not change the order.
      const options = at % 2 === 0 ? { maxTimeMS: 10_000 } : {}
      waiting.push(collection.updateOne({ _id: 1 }, append(at), options))
      await delay(10)
    }
    await session.commitTransaction()
    await Promise.all(waiting)
    expect(await collection.findOne()).toEqual({ _id: 1, list: [0, 1, 2, 3, 4, 5] })
    await session.endSession()
  })

  test('and transactions over the same documents never deadlock', async () => {
    const collection = await filled({ _id: 1, n: 0 }, { _id: 2, n: 0 })
    const increment = { $inc: { n: 1 } }
    const transfer = () =>
      fixture.client.withSession((session) =>
        session.withTransaction(async () => {
          await collection.updateOne({ _id: 2 }, increment, { session })
          await collection.updateOne({ _id: 1 }, increment, { session })
        }),
      )
    const all = () => collection.updateMany({}, increment)
    await Promise.all(Array.from({ length: 10 }, () => [all(), transfer(), all()]).flat())
    expect(await collection.find().toArray()).toEqual([
      { _id: 1, n: 30 },
      { _id: 2, n: 30 },
    ])
  })

  test('see the outcome of the transaction: an upsert finds the document, or inserts it', async () => {
    for (const outcome of ['commitTransaction', 'abortTransaction'] as const) {
      const collection = await filled({ _id: 0 })
      await collection.createIndex({ k: 1 }, { unique: true, sparse: true })
      const session = begin()
      await collection.insertOne({ _id: 1, k: 'x', n: 1 }, { session })
      const upsert = collection.updateOne({ k: 'x' }, { $inc: { n: 10 } }, { upsert: true })
      await delay(20)
      await session[outcome]()
      const { upsertedCount } = await upsert
      expect(upsertedCount).toBe(outcome === 'commitTransaction' ? 0 : 1)
      expect((await collection.findOne({ k: 'x' })).n).toBe(outcome === 'commitTransaction' ? 11 : 10)
      await session.endSession()
    }
  })

  test('race to upsert one key, and one of them inserts it', async () => {
    const collection = fixture.collection()
    await Promise.all(
      Array.from({ length: 20 }, () => collection.updateOne({ _id: 'k' }, { $inc: { n: 1 } }, { upsert: true })),
    )
    expect(await collection.find().toArray()).toEqual([{ _id: 'k', n: 20 }])
  })
})

describe('transactions', () => {
  test('that race to upsert one key conflict, and the loser runs again', async () => {
    const collection = await filled({ _id: 0 })
    const upsert = () =>
      fixture.client.withSession((session) =>
        session.withTransaction(() =>
          collection.updateOne({ _id: 'k' }, { $inc: { n: 1 } }, { upsert: true, session }),
        ),
      )
    await Promise.all(Array.from({ length: 8 }, upsert))
    expect(await collection.findOne({ _id: 'k' })).toEqual({ _id: 'k', n: 8 })
  })

  test('that write the same unique key conflict', async () => {
    const collection = await filled({ _id: 1, k: 'a' }, { _id: 2, k: 'b' })
    await collection.createIndex({ k: 1 }, { unique: true })
    const [first, second] = [begin(), begin()]
    await collection.updateOne({ _id: 1 }, { $set: { k: 'c' } }, { session: first })
    expect(await errorOf(collection.updateOne({ _id: 2 }, { $set: { k: 'c' } }, { session: second }))).toMatchObject({
      code: 112,
    })
    await first.commitTransaction()
    await second.abortTransaction()
    await Promise.all([first.endSession(), second.endSession()])
  })

  test('that only read commit, and never conflict', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const session = begin()
    await collection.findOne({}, { session })
    await collection.updateOne({ _id: 1 }, { $set: { n: 1 } })
    expect(await collection.findOne({}, { session })).toEqual({ _id: 1, n: 0 })
    await session.commitTransaction()
    await session.endSession()
  })

  test('end with their session', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const session = begin()
    await collection.updateOne({ _id: 1 }, { $set: { n: 5 } }, { session })
    await session.endSession()
    await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } })
    expect(await collection.findOne()).toEqual({ _id: 1, n: 1 })
  })
})

describeEmbedded('a transaction without a driver', () => {
  const numbered = (number: number, lsid = { id: new UUID() }) => ({
    lsid,
    txnNumber: Long.fromNumber(number),
    autocommit: false,
  })

  test('continues on another connection when the first is lost', async () => {
    const { collectionName } = await filled({ _id: 0 })
    const of = numbered(1)
    await ask({ insert: collectionName, documents: [{ _id: 1 }], ...of, startTransaction: true })
    expect(await ask({ insert: collectionName, documents: [{ _id: 2 }], ...of })).toMatchObject({ ok: 1 })
    expect(await ask({ commitTransaction: 1, ...of, $db: 'admin' })).toMatchObject({ ok: 1 })
    expect(await ask({ count: collectionName })).toMatchObject({ n: 3 })
  })

  test('cannot be aborted, continued or started again after its commit', async () => {
    const { collectionName } = await filled({ _id: 0 })
    const of = numbered(1)
    const insert = { insert: collectionName, documents: [{ _id: 1 }], ...of }
    await ask({ ...insert, startTransaction: true })
    await ask({ commitTransaction: 1, ...of, $db: 'admin' })
    expect(await ask({ abortTransaction: 1, ...of, $db: 'admin' })).toMatchObject({ code: 256 })
    expect(await ask({ ...insert, documents: [{ _id: 2 }] })).toMatchObject({ code: 256 })
    expect(await ask({ ...insert, startTransaction: true })).toMatchObject({ code: 117 })
    expect(await ask({ commitTransaction: 1, ...of, $db: 'admin' })).toMatchObject({ ok: 1 })
    expect(await ask({ commitTransaction: 1, ...of })).toMatchObject({ code: 13 })
    expect(await ask({ count: collectionName })).toMatchObject({ n: 2 })
  })

  test('cannot read a collection that is younger than its snapshot', async () => {
    const old = await filled({ _id: 0 })
    const young = fixture.collection()
    const of = numbered(1)
    await ask({ find: old.collectionName, ...of, startTransaction: true })
    await young.insertOne({ _id: 1 })
    expect(await ask({ find: young.collectionName, ...of })).toMatchObject({
      code: 246,
      errorLabels: ['TransientTransactionError'],
    })
    expect(await ask({ find: old.collectionName, ...of })).toMatchObject({ code: 251 })
  })

  test('ends when an option is refused', async () => {
    const { collectionName } = await filled({ _id: 0 })
    const of = numbered(1)
    await ask({ insert: collectionName, documents: [{ _id: 1 }], ...of, startTransaction: true })
    expect(await ask({ find: collectionName, hint: 'x', ...of })).toMatchObject({ code: 238 })
    expect(await ask({ commitTransaction: 1, ...of, $db: 'admin' })).toMatchObject({ code: 251 })
  })

  test('is aborted by a newer number of its session, also by that of a write', async () => {
    const { collectionName } = await filled({ _id: 0 })
    const of = numbered(1)
    await ask({ insert: collectionName, documents: [{ _id: 1 }], ...of, startTransaction: true })
    const write = { insert: collectionName, documents: [{ _id: 2 }], lsid: of.lsid, txnNumber: Long.fromNumber(2) }
    expect(await ask(write)).toMatchObject({ ok: 1, n: 1 })
    expect(await ask({ commitTransaction: 1, ...of, $db: 'admin' })).toMatchObject({ code: 225 })
    expect(await ask({ count: collectionName })).toMatchObject({ n: 2 })
  })

  test('waits for an older write of its session, so that the newest record is the last', async () => {
    const collection = await filled({ _id: 1, list: [] })
    const session = begin()
    await collection.updateOne({ _id: 1 }, append(0), { session })
    const lsid = { id: new UUID() }
    const push = (number: number) =>
      ask({
        update: collection.collectionName,
        updates: [{ q: { _id: 1 }, u: { $push: { list: number } } }],
        lsid,
        txnNumber: Long.fromNumber(number),
      })
    const first = push(1)
    await delay(20)
    const second = push(2)
    await delay(20)
    await session.commitTransaction()
    expect(await Promise.all([first, second])).toMatchObject([{ nModified: 1 }, { nModified: 1 }])
    expect(await push(2)).toMatchObject({ nModified: 1 })
    expect(await push(1)).toMatchObject({ code: 225 })
    expect(await collection.findOne()).toEqual({ _id: 1, list: [0, 1, 2] })
    await session.endSession()
  })
})

describeEmbedded('a command that changes definitions', () => {
  const definitions: [string, object][] = [
    ['create', {}],
    ['createIndexes', { indexes: [{ key: { a: 1 }, name: 'a_1' }] }],
    ['drop', {}],
    ['dropIndexes', { index: '*' }],
    ['listCollections', {}],
    ['listIndexes', {}],
    ['count', {}],
    ['dropDatabase', {}],
  ]
  for (const [name, more] of definitions) {
    test(`such as ${name} is refused inside a transaction, and ends it`, async () => {
      const { collectionName } = await filled({ _id: 0 })
      const of = { lsid: { id: new UUID() }, txnNumber: Long.fromNumber(1), autocommit: false }
      await ask({ find: collectionName, ...of, startTransaction: true })
      expect(await ask({ [name]: collectionName, ...more, ...of })).toMatchObject({ code: 263 })
      expect(await ask({ find: collectionName, ...of })).toMatchObject({ code: 251 })
    })
  }

  test('waits for the transactions that use its collection, and meanwhile new ones are refused', async () => {
    const collection = await filled({ _id: 1, k: 1 })
    const [first, second] = [begin(), begin()]
    await collection.insertOne({ _id: 2, k: 2 }, { session: first })
    let done = false
    const index = collection.createIndex({ k: 1 }, { unique: true }).finally(() => {
      done = true
    })
    await delay(20)
    const error = await errorOf(collection.findOne({}, { session: second }))
    expect(error).toMatchObject({ code: 24 })
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(true)
    expect(await collection.findOne({ _id: 2 }, { session: first })).toEqual({ _id: 2, k: 2 })
    expect(done).toBe(false)
    await first.commitTransaction()
    await index
    expect(await errorOf(collection.insertOne({ k: 2 }))).toMatchObject({ code: 11000 })
    await Promise.all([first, second].map((session) => session.endSession()))
  })

  test('does not wait if it changes nothing', async () => {
    const collection = await filled({ _id: 1, k: 1 })
    await collection.createIndex({ k: 1 })
    const session = begin()
    await collection.updateOne({ _id: 1 }, { $set: { k: 2 } }, { session })
    expect(await collection.createIndex({ k: 1 })).toBe('k_1')
    await session.abortTransaction()
    await session.endSession()
  })
})
