// The commands other than updates and filters: inserts, deletes, cursors, counts, collections, indexes, aggregations.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

describe('an insertion', () => {
  test('generates an _id and puts it first', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ b: 1, _id: 5 })
    expect(Object.keys(await collection.findOne())).toEqual(['_id', 'b'])
  })

  test('stops at the first error if ordered, and goes on if not', async () => {
    const collection = fixture.collection()
    const documents = [{ _id: 1 }, { _id: 1 }, { _id: 2 }]
    const error = await errorOf(collection.insertMany(documents))
    expect(error).toMatchObject({ code: 11000, insertedCount: 1 })
    expect(await errorOf(collection.insertMany(documents, { ordered: false }))).toMatchObject({ insertedCount: 1 })
    expect(await collection.countDocuments()).toBe(2)
  })

  test('treats equal numbers as one key', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 0 })
    expect(await errorOf(collection.insertOne({ _id: -0 }))).toMatchObject({ code: 11000 })
  })
})

describe('a deletion', () => {
  test('deletes one document or all', async () => {
    const collection = fixture.collection()
    await collection.insertMany([{ a: 1 }, { a: 1 }, { a: 1 }, { a: 2 }])
    expect(await collection.deleteOne({ a: 1 })).toMatchObject({ deletedCount: 1 })
    expect(await collection.deleteMany({ a: 1 })).toMatchObject({ deletedCount: 2 })
    expect(await collection.deleteMany({ a: 1 })).toMatchObject({ deletedCount: 0 })
  })
})

describe('a cursor', () => {
  test('goes through many batches', async () => {
    const collection = fixture.collection()
    await collection.insertMany(Array.from({ length: 250 }, (_, at) => ({ _id: at })))
    expect((await collection.find({}, { batchSize: 7 }).toArray()).map((doc) => doc._id)).toEqual([
      ...Array(250).keys(),
    ])
    expect(await collection.find().toArray()).toHaveLength(250)
    expect(await collection.aggregate([{ $match: {} }], { batchSize: 0 }).toArray()).toHaveLength(250)
  })

  test('respects skip and limit', async () => {
    const collection = fixture.collection()
    await collection.insertMany(Array.from({ length: 9 }, (_, at) => ({ _id: at })))
    const page = await collection.find().sort({ _id: -1 }).skip(2).limit(3).toArray()
    expect(page.map((doc) => doc._id)).toEqual([6, 5, 4])
  })

  test('can be closed before its end', async () => {
    const collection = fixture.collection()
    await collection.insertMany(Array.from({ length: 9 }, (_, at) => ({ _id: at })))
    const cursor = collection.find({}, { batchSize: 2 })
    await cursor.next()
    await cursor.close()
  })
})

describe('a count', () => {
  test('counts the matching documents', async () => {
    const collection = fixture.collection()
    await collection.insertMany([{ a: 1 }, { a: 1 }, { a: 2 }])
    expect(await collection.countDocuments({ a: 1 })).toBe(2)
    expect(await collection.countDocuments({ a: 9 })).toBe(0)
    expect(await collection.estimatedDocumentCount()).toBe(3)
  })

  test('of distinct values takes arrays apart', async () => {
    const collection = fixture.collection()
    await collection.insertMany([{ a: 1 }, { a: [1, 2] }, { a: null }, {}, { a: { b: 1 } }])
    expect(await collection.distinct('a')).toHaveLength(4)
    expect(await collection.distinct('a.b')).toEqual([1])
  })
})

describe('collections', () => {
  test('can be created, listed and dropped', async () => {
    const { collectionName } = fixture.collection()
    await fixture.db.createCollection(collectionName)
    const [listed] = await fixture.db.listCollections({ name: collectionName }).toArray()
    expect(listed).toMatchObject({ name: collectionName, type: 'collection', options: {} })
    expect(await fixture.db.dropCollection(collectionName)).toBe(true)
    expect(await fixture.db.listCollections({ name: collectionName }).toArray()).toEqual([])
  })

  test('create their database, which can be dropped', async () => {
    const other = fixture.client.db(`${fixture.db.databaseName}-other`)
    await other.collection('c').insertOne({})
    const names = async () => (await fixture.client.db().admin().listDatabases()).databases.map(({ name }) => name)
    expect(await names()).toContain(other.databaseName)
    await other.dropDatabase()
    expect(await names()).not.toContain(other.databaseName)
  })
})

describe('an index', () => {
  test('can be created, listed and dropped', async () => {
    const collection = fixture.collection()
    expect(await collection.createIndex({ a: 1, 'b.c': -1 })).toBe('a_1_b.c_-1')
    await collection.createIndex({ a: 1, 'b.c': -1 })
    expect(await collection.indexes()).toEqual([
      { v: 2, key: { _id: 1 }, name: '_id_' },
      { v: 2, key: { a: 1, 'b.c': -1 }, name: 'a_1_b.c_-1' },
    ])
    await collection.dropIndex('a_1_b.c_-1')
    expect(await collection.indexes()).toHaveLength(1)
    expect(await errorOf(collection.dropIndex('nope'))).toMatchObject({ code: 27 })
  })

  test('cannot have the name or the key of another index', async () => {
    const collection = fixture.collection()
    await collection.createIndex({ a: 1 }, { name: 'x' })
    expect(await errorOf(collection.createIndex({ b: 1 }, { name: 'x' }))).toMatchObject({ code: 86 })
    expect(await errorOf(collection.createIndex({ a: 1 }, { name: 'y' }))).toMatchObject({ code: 85 })
  })

  test('that is unique refuses a duplicate key, also in arrays, and counts missing as null', async () => {
    const collection = fixture.collection()
    await collection.createIndex({ a: 1 }, { unique: true })
    await collection.insertMany([{ _id: 1, a: [1, 2] }, { _id: 2 }])
    const error = await errorOf(collection.insertOne({ a: 2 }))
    expect(error).toMatchObject({ code: 11000, keyPattern: { a: 1 }, keyValue: { a: 2 } })
    expect(await errorOf(collection.insertOne({ a: null }))).toMatchObject({ code: 11000 })
    expect(await errorOf(collection.updateOne({ _id: 2 }, { $set: { a: 1 } }))).toMatchObject({ code: 11000 })
    await collection.updateOne({ _id: 1 }, { $set: { a: 3 } })
    await collection.insertOne({ a: 2 })
  })

  test('that is unique cannot be created over duplicate keys', async () => {
    const collection = fixture.collection()
    await collection.insertMany([{ a: 1 }, { a: 1 }])
    expect(await errorOf(collection.createIndex({ a: 1 }, { unique: true }))).toMatchObject({ code: 11000 })
    expect(await collection.indexes()).toHaveLength(1)
  })

  test('that is sparse or partial does not check the documents outside it, and queries still find them', async () => {
    const collection = fixture.collection()
    await collection.createIndex({ a: 1 }, { unique: true, sparse: true })
    await collection.createIndex({ b: 1 }, { unique: true, partialFilterExpression: { live: true } })
    await collection.insertMany([{ b: 1 }, { b: 1 }, { b: 1, live: true }])
    expect(await errorOf(collection.insertOne({ b: 1, live: true }))).toMatchObject({ code: 11000 })
    expect(await collection.countDocuments({ b: 1 })).toBe(3)
    expect(await collection.countDocuments({ b: 1, live: true })).toBe(1)
  })

  test('cannot hold parallel arrays', async () => {
    const collection = fixture.collection()
    await collection.createIndex({ a: 1, b: 1 })
    expect(await errorOf(collection.insertOne({ a: [1], b: [1] }))).toMatchObject({ code: 171 })
  })
})

describe('an aggregation', () => {
  const documents = [
    { _id: 1, k: 'x', n: 1, t: [1, 2] },
    { _id: 2, k: 'x', n: 2.5, t: [] },
    { _id: 3, k: 'y', n: 'no', t: null },
    { _id: 4, n: null },
  ]
  const cases: [string, object[], object[]][] = [
    [
      'groups and accumulates',
      [
        { $group: { _id: '$k', n: { $sum: '$n' }, c: { $sum: 1 }, avg: { $avg: '$n' }, max: { $max: '$n' } } },
        { $sort: { _id: 1 } },
      ],
      [
        { _id: null, n: 0, c: 1, avg: null, max: null },
        { _id: 'x', n: 3.5, c: 2, avg: 1.75, max: 2.5 },
        { _id: 'y', n: 0, c: 1, avg: null, max: 'no' },
      ],
    ],
    [
      'takes first, last and all',
      [
        { $sort: { _id: 1 } },
        {
          $group: {
            _id: null,
            f: { $first: '$_id' },
            l: { $last: '$k' },
            p: { $push: '$k' },
            s: { $addToSet: '$k' },
            m: { $min: '$_id' },
            c: { $count: {} },
          },
        },
      ],
      [{ _id: null, f: 1, l: null, p: ['x', 'x', 'y'], s: ['x', 'y'], m: 1, c: 4 }],
    ],
    ['counts', [{ $match: { k: 'x' } }, { $count: 'n' }], [{ n: 2 }]],
    ['gives no result for a $count of no documents', [{ $match: { k: 'z' } }, { $count: 'n' }], []],
    [
      'sorts, skips and limits',
      [{ $sort: { _id: -1 } }, { $skip: 1 }, { $limit: 2 }, { $project: { _id: 1 } }],
      [{ _id: 3 }, { _id: 2 }],
    ],
    [
      'projects expressions',
      [{ $match: { _id: 1 } }, { $project: { _id: 0, k: 1, s: { $add: ['$n', 1] }, z: { $ifNull: ['$q', 'none'] } } }],
      [{ k: 'x', s: 2, z: 'none' }],
    ],
    [
      'adds fields, also nested',
      [
        { $match: { _id: 1 } },
        { $addFields: { 'a.b': { $size: '$t' }, n: { $cond: [{ $gt: ['$n', 0] }, 'up', 'down'] } } },
      ],
      [{ _id: 1, k: 'x', n: 'up', t: [1, 2], a: { b: 2 } }],
    ],
    ['removes fields', [{ $match: { _id: 1 } }, { $unset: ['t', 'n'] }], [{ _id: 1, k: 'x' }]],
    [
      'orders missing before null in expressions',
      [{ $match: { _id: { $gte: 3 } } }, { $project: { m: { $eq: ['$t', null] }, l: { $lt: ['$t', null] } } }],
      [
        { _id: 3, m: true, l: false },
        { _id: 4, m: false, l: true },
      ],
    ],
  ]
  for (const [name, pipeline, expected] of cases) {
    test(name, async () => {
      const collection = fixture.collection()
      await collection.insertMany(documents)
      expect(await collection.aggregate(pipeline).toArray()).toEqual(expected)
    })
  }

  test('fails if an expression cannot be evaluated', async () => {
    const collection = fixture.collection()
    await collection.insertMany(documents)
    const size = collection.aggregate([{ $project: { s: { $size: '$n' } } }]).toArray()
    expect(await errorOf(size)).toMatchObject({ code: 17124 })
  })
})

describeEmbedded('a TTL index', () => {
  const quick = useServer({ expiryInterval: 20 })

  test('deletes expired documents, and no others', async () => {
    const collection = quick.collection()
    await collection.createIndex({ at: 1 }, { expireAfterSeconds: 60 })
    const old = new Date(Date.now() - 120_000)
    await collection.insertMany([{ _id: 1, at: old }, { _id: 2, at: new Date() }, { _id: 3, at: 'x' }, { _id: 4 }])
    await collection.insertOne({ _id: 5, at: [new Date(), old] })
    await delay(100)
    expect((await collection.find().sort({ _id: 1 }).toArray()).map((doc) => doc._id)).toEqual([2, 3, 4])
  })
})
