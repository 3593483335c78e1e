// Multi-document transactions: what they see, which one wins, and how they end.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { type ClientSession, Long, UUID } from 'mongodb'
import { rawClient } from './raw.ts'
import { describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

function begin(): ClientSession {
  const session = fixture.client.startSession()
  session.startTransaction({ readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } })
  return session
}

/** A collection that exists before the transaction: a snapshot does not include collections created later. */
async function filled(...documents: Record<string, unknown>[]) {
  const collection = fixture.collection()
  await collection.insertMany(documents)
  return collection
}

describe('a transaction', () => {
  test('shows none of its writes before it commits, and then all of them', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const session = begin()
    await collection.updateOne({ _id: 1 }, { $set: { n: 1 } }, { session })
    await collection.insertOne({ _id: 2 }, { session })
    expect(await collection.find({}, { session }).toArray()).toEqual([{ _id: 1, n: 1 }, { _id: 2 }])
    expect(await collection.find().toArray()).toEqual([{ _id: 1, n: 0 }])
    await session.commitTransaction()
    expect(await collection.find().toArray()).toEqual([{ _id: 1, n: 1 }, { _id: 2 }])
    await session.endSession()
  })

  test('leaves nothing behind when it is aborted', async () => {
    const collection = await filled({ _id: 1 })
    await collection.createIndex({ k: 1 }, { unique: true, sparse: true })
    const session = begin()
    await collection.insertOne({ _id: 2, k: 1 }, { session })
    await collection.deleteOne({ _id: 1 }, { session })
    await session.abortTransaction()
    expect(await collection.find().toArray()).toEqual([{ _id: 1 }])
    await collection.insertOne({ _id: 3, k: 1 })
    await session.endSession()
  })

  test('reads one snapshot from its first command on', async () => {
    const collection = await filled({ _id: 1, n: 0 }, { _id: 2, n: 0 })
    await collection.createIndex({ n: 1 })
    const session = begin()
    expect(await collection.countDocuments({ n: 0 }, { session })).toBe(2)
    await collection.updateOne({ _id: 1 }, { $set: { n: 5 } })
    await collection.deleteOne({ _id: 2 })
    await collection.insertOne({ _id: 3, n: 0 })
    expect(await collection.find({}, { session }).toArray()).toEqual([
      { _id: 1, n: 0 },
      { _id: 2, n: 0 },
    ])
    expect(await collection.find({ n: 0 }, { session }).toArray()).toEqual([
      { _id: 1, n: 0 },
      { _id: 2, n: 0 },
    ])
    expect(await collection.findOne({ _id: 2 }, { session })).toEqual({ _id: 2, n: 0 })
    await session.commitTransaction()
    expect(await collection.find({ n: 0 }).toArray()).toEqual([{ _id: 3, n: 0 }])
    await session.endSession()
  })

  test('sees its own writes through an index', async () => {
    const collection = await filled({ _id: 1, n: 1 })
    await collection.createIndex({ n: 1 })
    const session = begin()
    await collection.updateOne({ _id: 1 }, { $set: { n: 2 } }, { session })
    await collection.updateOne({ _id: 1 }, { $set: { n: 3 } }, { session })
    expect(await collection.find({ n: 2 }, { session }).toArray()).toEqual([])
    expect(await collection.find({ n: { $gt: 2 } }, { session }).toArray()).toEqual([{ _id: 1, n: 3 }])
    await session.abortTransaction()
    expect(await collection.find({ n: 1 }).toArray()).toEqual([{ _id: 1, n: 1 }])
    await session.endSession()
  })

  test('loses against a transaction that wrote the document first', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const [first, second] = [begin(), begin()]
    await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: first })
    const error = await errorOf(collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: second }))
    expect(error).toMatchObject({ code: 112 })
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(true)
    await first.commitTransaction()
    expect(await errorOf(second.commitTransaction())).toMatchObject({ code: 251 })
    expect(await collection.findOne()).toEqual({ _id: 1, n: 1 })
    await Promise.all([first.endSession(), second.endSession()])
  })

  test('loses against a write after its snapshot', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const session = begin()
    await collection.findOne({ _id: 1 }, { session })
    await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } })
    expect(await errorOf(collection.deleteOne({ _id: 1 }, { session }))).toMatchObject({ code: 112 })
    await session.abortTransaction()
    await session.endSession()
  })

  test('has no conflict from an update that changes nothing', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const [first, second] = [begin(), begin()]
    await collection.updateOne({ _id: 1 }, { $set: { n: 0 } }, { session: first })
    await collection.updateOne({ _id: 1 }, { $set: { n: 1 } }, { session: second })
    await first.commitTransaction()
    await second.commitTransaction()
    expect(await collection.findOne()).toEqual({ _id: 1, n: 1 })
    await Promise.all([first.endSession(), second.endSession()])
  })

  test('conflicts with a transaction that inserts the same key', async () => {
    const collection = await filled({ _id: 1 })
    await collection.createIndex({ k: 1 }, { unique: true, sparse: true })
    const [first, second, third] = [begin(), begin(), begin()]
    await collection.insertOne({ _id: 2, k: 1 }, { session: first })
    expect(await errorOf(collection.insertOne({ _id: 2 }, { session: second }))).toMatchObject({ code: 112 })
    expect(await errorOf(collection.insertOne({ _id: 3, k: 1 }, { session: third }))).toMatchObject({ code: 112 })
    await first.commitTransaction()
    for (const session of [second, third]) await session.abortTransaction()
    await Promise.all([first, second, third].map((session) => session.endSession()))
  })

  test('ends with a duplicate key', async () => {
    const collection = await filled({ _id: 1 })
    const session = begin()
    await collection.insertOne({ _id: 2 }, { session })
    const error = await errorOf(collection.insertOne({ _id: 1 }, { session }))
    expect(error).toMatchObject({ code: 11000, keyPattern: { _id: 1 }, keyValue: { _id: 1 } })
    expect(await errorOf(collection.findOne({}, { session }))).toMatchObject({ code: 251 })
    await session.abortTransaction()
    expect(await collection.countDocuments()).toBe(1)
    await session.endSession()
  })

  test('ends with any error', async () => {
    const collection = await filled({ _id: 1, a: 'x' })
    const session = begin()
    await collection.insertOne({ _id: 2 }, { session })
    expect(await errorOf(collection.updateOne({ _id: 1 }, { $inc: { a: 1 } }, { session }))).toMatchObject({ code: 14 })
    const error = await errorOf(collection.insertOne({ _id: 3 }, { session }))
    expect(error).toMatchObject({ code: 251 })
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(true)
    await session.abortTransaction()
    expect(await collection.countDocuments()).toBe(1)
    await session.endSession()
  })

  test('can create a collection, which is invisible before it commits', async () => {
    const collection = fixture.collection()
    const session = begin()
    await collection.insertOne({ _id: 1 }, { session })
    expect(await fixture.db.listCollections({ name: collection.collectionName }).toArray()).toEqual([])
    await session.commitTransaction()
    expect(await collection.countDocuments()).toBe(1)
    await session.endSession()
  })

  test('reads its cursors over several batches from its snapshot', async () => {
    const collection = await filled(...Array.from({ length: 10 }, (_, at) => ({ _id: at })))
    const session = begin()
    const cursor = collection.find({}, { session, batchSize: 3 })
    expect(await cursor.next()).toEqual({ _id: 0 })
    await collection.deleteMany({ _id: { $gt: 4 } })
    expect(await cursor.toArray()).toHaveLength(9)
    await session.commitTransaction()
    await session.endSession()
  })

  test('cannot change definitions', async () => {
    const collection = await filled({ _id: 1 })
    const session = begin()
    expect(await errorOf(collection.drop({ session }))).toMatchObject({ code: 263 })
    await session.abortTransaction()
    await session.endSession()
  })

  test('is run again by the driver until it wins', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const increment = () =>
      fixture.client.withSession((session) =>
        session.withTransaction(async () => {
          const doc = await collection.findOne({ _id: 1 }, { session })
          await collection.updateOne({ _id: 1 }, { $set: { n: doc.n + 1 } }, { session })
        }),
      )
    await Promise.all(Array.from({ length: 10 }, increment))
    expect(await collection.findOne()).toEqual({ _id: 1, n: 10 })
  })
})

describeEmbedded('a command of a transaction', () => {
  /** Sends the fields of a transaction without the driver, which would never send them like this. */
  async function find(lsid: UUID, number: number, more: object = {}) {
    const raw = await rawClient(fixture.uri)
    const transaction = { lsid: { id: lsid }, txnNumber: Long.fromNumber(number), autocommit: false }
    const reply = await raw.command({ find: 'x', $db: 'x', ...transaction, ...more })
    raw.socket.destroy()
    return reply
  }

  test('that starts the same number again is refused', async () => {
    const lsid = new UUID()
    expect(await find(lsid, 1, { startTransaction: true })).toMatchObject({ ok: 1 })
    expect(await find(lsid, 1, { startTransaction: true })).toMatchObject({ ok: 0, code: 117 })
    expect(await find(lsid, 1)).toMatchObject({ ok: 1 })
  })

  test('that was not started is refused', async () => {
    const expected = { ok: 0, code: 251, errorLabels: ['TransientTransactionError'] }
    expect(await find(new UUID(), 5)).toMatchObject(expected)
  })

  test('with an older number is refused', async () => {
    const lsid = new UUID()
    await find(lsid, 5, { startTransaction: true })
    expect(await find(lsid, 4, { startTransaction: true })).toMatchObject({ ok: 0, code: 225 })
  })
})

describe('a plain write', () => {
  test('waits for the transaction that has locked its document', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const session = begin()
    await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session })
    let done = false
    const write = collection.updateOne({ _id: 1 }, { $inc: { n: 10 } }).finally(() => {
      done = true
    })
    await delay(50)
    expect(done).toBe(false)
    await session.commitTransaction()
    await write
    expect(await collection.findOne()).toEqual({ _id: 1, n: 11 })
    await session.endSession()
  })

  test('waits for a key that a transaction has inserted, and fails if it is committed', async () => {
    const collection = await filled({ _id: 1 })
    const session = begin()
    await collection.insertOne({ _id: 2 }, { session })
    const write = errorOf(collection.insertOne({ _id: 2 }))
    await delay(20)
    await session.commitTransaction()
    expect(await write).toMatchObject({ code: 11000 })
    await session.endSession()
  })

  test('gives up waiting at its maxTimeMS', async () => {
    const collection = await filled({ _id: 1, n: 0 })
    const session = begin()
    await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session })
    expect(await errorOf(collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { maxTimeMS: 30 }))).toMatchObject({
      code: 50,
    })
    await session.abortTransaction()
    await session.endSession()
  })
})

describeEmbedded('a transaction of the embedded server', () => {
  const short = useServer({ transactionLifetime: 100 })

  test('is aborted when its lifetime is over', async () => {
    const collection = short.collection()
    await collection.insertOne({ _id: 1 })
    const session = short.client.startSession()
    session.startTransaction()
    await collection.deleteOne({ _id: 1 }, { session })
    await delay(150)
    expect(await errorOf(collection.findOne({}, { session }))).toMatchObject({ code: 251 })
    await session.abortTransaction()
    expect(await collection.countDocuments()).toBe(1)
    await session.endSession()
  })

  test('refuses overlapping commands', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1 })
    // Open two connections first, or the second command would arrive after the end of the first.
    await Promise.all(Array.from({ length: 5 }, () => collection.findOne()))
    const outcomes = []
    for (let attempt = 0; attempt < 20; attempt++) {
      const session = begin()
      await collection.findOne({}, { session })
      const both = [collection.findOne({ _id: 1 }, { session }), collection.findOne({ _id: 2 }, { session })]
      outcomes.push(...(await Promise.allSettled(both)))
      await session.abortTransaction()
      await session.endSession()
    }
    const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
    expect(codes).toContain(117)
  })
})
