// Updates, upserts and findAndModify through the driver: their results and their errors.
import { describe, expect, test } from '@jest/globals'
import { type AnyDocument, errorOf, useServer } from './support.ts'

const fixture = useServer()

async function updated(before: AnyDocument, update: AnyDocument): Promise<AnyDocument> {
  const collection = fixture.collection()
  await collection.insertOne({ _id: 1, ...before })
  await collection.updateOne({ _id: 1 }, update)
  const { _id, ...after } = (await collection.findOne({ _id: 1 }))!
  return after
}

const cases: [string, AnyDocument, AnyDocument, AnyDocument][] = [
  ['$set sets, and creates documents on the way', { a: 1 }, { $set: { a: 2, 'b.c': 3 } }, { a: 2, b: { c: 3 } }],
  ['$set reaches into arrays by position', { a: [1, 2] }, { $set: { 'a.1': 9 } }, { a: [1, 9] }],
  ['$set beyond the end of an array fills with nulls', { a: [1] }, { $set: { 'a.3': 9 } }, { a: [1, null, null, 9] }],
  ['$unset removes a field', { a: 1, b: 2 }, { $unset: { a: '' } }, { b: 2 }],
  ['$unset makes an element of an array null', { a: [1, 2] }, { $unset: { 'a.0': '' } }, { a: [null, 2] }],
  ['$unset of a missing field does nothing', { a: 1 }, { $unset: { 'a.b': '', c: '' } }, { a: 1 }],
  ['$inc adds, also to a missing field', { a: 1 }, { $inc: { a: 2, b: -3 } }, { a: 3, b: -3 }],
  [
    '$min and $max go by the order of types',
    { a: 5, b: 5, c: 'x' },
    { $min: { a: 3, c: 1 }, $max: { b: 3 } },
    { a: 3, b: 5, c: 1 },
  ],
  ['$min and $max set a missing field', {}, { $min: { a: 1 }, $max: { b: 2 } }, { a: 1, b: 2 }],
  ['$setOnInsert does nothing to an existing document', { a: 1 }, { $setOnInsert: { a: 2 } }, { a: 1 }],
  ['$push appends, and creates the array', { a: [1] }, { $push: { a: 2, b: 1 } }, { a: [1, 2], b: [1] }],
  ['$push appends an array as one element', { a: [1] }, { $push: { a: [2, 3] } }, { a: [1, [2, 3]] }],
  [
    '$push with $each and $slice keeps the last',
    { a: [1, 2] },
    { $push: { a: { $each: [3, 4], $slice: -3 } } },
    { a: [2, 3, 4] },
  ],
  [
    '$push with $each and $slice keeps the first',
    { a: [1, 2] },
    { $push: { a: { $each: [3, 4], $slice: 3 } } },
    { a: [1, 2, 3] },
  ],
  ['$push with $slice: 0 leaves an empty array', { a: [1, 2] }, { $push: { a: { $each: [3], $slice: 0 } } }, { a: [] }],
  ['$push with $position inserts', { a: [1, 2] }, { $push: { a: { $each: [9], $position: 1 } } }, { a: [1, 9, 2] }],
  [
    '$push with a negative $position counts from the end',
    { a: [1, 2] },
    { $push: { a: { $each: [9], $position: -1 } } },
    { a: [1, 9, 2] },
  ],
  [
    '$addToSet adds the values that are missing',
    { a: [1, { x: 1 }] },
    { $addToSet: { a: { $each: [1, { x: 1 }, 2, 2] } } },
    { a: [1, { x: 1 }, 2] },
  ],
  ['$pull removes equal elements', { a: [1, 2, 1] }, { $pull: { a: 1 } }, { a: [2] }],
  ['$pull takes conditions', { a: [1, 5, 9] }, { $pull: { a: { $gte: 5 } } }, { a: [1] }],
  [
    '$pull asks documents for their fields',
    { a: [{ x: 1, y: 1 }, { x: 2 }, 3] },
    { $pull: { a: { x: 1 } } },
    { a: [{ x: 2 }, 3] },
  ],
  ['$pull from a missing field does nothing', {}, { $pull: { a: 1 } }, {}],
]

describe('an update', () => {
  for (const [name, before, update, after] of cases) {
    test(name, async () => {
      expect(await updated(before, update)).toEqual(after)
    })
  }

  test('adds new fields in the order of their names', async () => {
    expect(Object.keys(await updated({ z: 1 }, { $set: { c: 1, a: 1 }, $inc: { b: 1 } }))).toEqual(['z', 'a', 'b', 'c'])
  })

  test('that changes nothing reports 0 changes', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1, a: { b: 1 } })
    const changes: AnyDocument = { $set: { 'a.b': 1 }, $max: { 'a.c': 5 }, $unset: { x: '' }, $pull: { l: 1 } }
    expect(await collection.updateOne({ _id: 1 }, changes)).toMatchObject({ matchedCount: 1, modifiedCount: 1 })
    expect(await collection.updateOne({ _id: 1 }, changes)).toMatchObject({ matchedCount: 1, modifiedCount: 0 })
  })

  test('of many documents that fails half-way keeps its changes, and does not count them', async () => {
    const collection = fixture.collection()
    await collection.insertMany([
      { _id: 1, a: 1 },
      { _id: 2, a: 'x' },
      { _id: 3, a: 1 },
    ])
    const error = await errorOf(collection.bulkWrite([{ updateMany: { filter: {}, update: { $inc: { a: 1 } } } }]))
    expect(error).toMatchObject({ code: 14, modifiedCount: 0 })
    expect((await collection.find().sort({ _id: 1 }).toArray()).map((doc) => doc.a)).toEqual([2, 'x', 1])
  })

  test('of many documents counts the matched and the changed ones', async () => {
    const collection = fixture.collection()
    await collection.insertMany([{ a: 1 }, { a: 2 }, { a: 2 }])
    expect(await collection.updateMany({}, { $set: { a: 2 } })).toMatchObject({ matchedCount: 3, modifiedCount: 1 })
  })

  test('can replace a document, and keeps its _id', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1, a: 1 })
    await collection.replaceOne({ _id: 1 }, { b: 2 })
    expect(await collection.findOne()).toEqual({ _id: 1, b: 2 })
    await collection.replaceOne({ _id: 1 }, {})
    expect(await collection.findOne()).toEqual({ _id: 1 })
  })
})

describe('an update is refused', () => {
  const refused: [string, AnyDocument, AnyDocument, number][] = [
    ['$inc of a string', { a: 'x' }, { $inc: { a: 1 } }, 14],
    ['$inc of null', { a: null }, { $inc: { a: 1 } }, 14],
    ['$inc by a string', { a: 1 }, { $inc: { a: 'x' } }, 14],
    ['$set through a scalar', { a: 1 }, { $set: { 'a.b': 1 } }, 28],
    ['$set through null', { a: null }, { $set: { 'a.b': 1 } }, 28],
    ['$set of a name in an array', { a: [1] }, { $set: { 'a.b': 1 } }, 28],
    ['$push to a scalar', { a: 1 }, { $push: { a: 1 } }, 2],
    ['$addToSet to a scalar', { a: 1 }, { $addToSet: { a: 1 } }, 2],
    ['$pull from a scalar', { a: 1 }, { $pull: { a: 1 } }, 2],
    ['$push with an $each that is not an array', { a: [] }, { $push: { a: { $each: 1 } } }, 2],
    ['the same path twice', { a: 1 }, { $set: { a: 1 }, $inc: { a: 1 } }, 40],
    ['a path and one inside it', { a: 1 }, { $set: { a: 1, 'a.b': 1 } }, 40],
    ['another _id', { a: 1 }, { $set: { _id: 2 } }, 66],
    ['removing _id', { a: 1 }, { $unset: { _id: '' } }, 66],
    ['an unknown operator', { a: 1 }, { $foo: { a: 1 } }, 9],
    ['an empty name in a path', { a: 1 }, { $set: { 'a..b': 1 } }, 56],
    ['an operator without fields', { a: 1 }, { $set: 1 }, 9],
  ]
  for (const [name, before, update, code] of refused) {
    test(`for ${name} (${code})`, async () => {
      const collection = fixture.collection()
      await collection.insertOne({ _id: 1, ...before })
      expect(await errorOf(collection.updateOne({ _id: 1 }, update))).toMatchObject({ code })
      expect(await collection.findOne()).toEqual({ _id: 1, ...before })
    })
  }

  test('for a replacement with another _id (66)', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1 })
    expect(await errorOf(collection.replaceOne({ _id: 1 }, { _id: 2 } as AnyDocument))).toMatchObject({ code: 66 })
  })
})

describe('an upsert', () => {
  test('inserts the equalities of the filter, and the fields of $set and $setOnInsert', async () => {
    const collection = fixture.collection()
    const filter = { _id: 7, 'a.b': 1, c: { $eq: 2 }, d: { $gt: 5 }, $and: [{ e: 3 }] }
    const result = await collection.updateOne(filter, { $set: { x: 1 }, $setOnInsert: { y: 2 } }, { upsert: true })
    expect(result).toMatchObject({ matchedCount: 0, upsertedCount: 1, upsertedId: 7 })
    expect(await collection.findOne()).toEqual({ _id: 7, a: { b: 1 }, c: 2, e: 3, x: 1, y: 2 })
  })

  test('generates an _id if the filter has none', async () => {
    const collection = fixture.collection()
    const { upsertedId } = await collection.updateOne({ a: 1 }, { $inc: { n: 1 } }, { upsert: true })
    expect(await collection.findOne()).toEqual({ _id: upsertedId, a: 1, n: 1 })
  })

  test('updates a document that exists', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1, a: 1 })
    const result = await collection.updateOne({ a: 1 }, { $set: { b: 1 }, $setOnInsert: { c: 1 } }, { upsert: true })
    expect(result).toMatchObject({ matchedCount: 1, modifiedCount: 1, upsertedCount: 0 })
    expect(await collection.findOne()).toEqual({ _id: 1, a: 1, b: 1 })
  })

  test('with a replacement takes only _id from the filter', async () => {
    const collection = fixture.collection()
    await collection.replaceOne({ _id: 3, a: 1 }, { b: 2 }, { upsert: true })
    expect(await collection.findOne()).toEqual({ _id: 3, b: 2 })
  })

  test('with a replacement keeps the _id of the filter', async () => {
    const replaced = fixture.collection().replaceOne({ _id: 1 }, { _id: 2 }, { upsert: true })
    expect(await errorOf(replaced)).toMatchObject({ code: 66 })
  })

  test('sets the equalities of the filter in the order of their paths', async () => {
    const collection = fixture.collection()
    await collection.updateOne({ c: 1, _id: 1, b: 2, 'a.b': 3 }, { $set: { a2: 4 } }, { upsert: true })
    expect(Object.keys(await collection.findOne())).toEqual(['_id', 'a', 'b', 'c', 'a2'])
  })
})

describe('findAndModify', () => {
  test('returns the document before or after', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1, n: 1 })
    expect(await collection.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } })).toEqual({ _id: 1, n: 1 })
    const after = await collection.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { returnDocument: 'after' })
    expect(after).toEqual({ _id: 1, n: 3 })
  })

  test('takes the first document of its sort order, and projects it', async () => {
    const collection = fixture.collection()
    await collection.insertMany([
      { _id: 1, n: 1 },
      { _id: 2, n: 2 },
    ])
    const taken = await collection.findOneAndDelete({}, { sort: { n: -1 }, projection: { _id: 1 } })
    expect(taken).toEqual({ _id: 2 })
    expect(await collection.countDocuments()).toBe(1)
  })

  test('gives null if it finds nothing, or upserts', async () => {
    const collection = fixture.collection()
    expect(await collection.findOneAndUpdate({ _id: 1 }, { $set: { a: 1 } })).toBeNull()
    expect(await collection.findOneAndUpdate({ _id: 1 }, { $set: { a: 1 } }, { upsert: true })).toBeNull()
    const made = await collection.findOneAndReplace({ _id: 2 }, { b: 1 }, { upsert: true, returnDocument: 'after' })
    expect(made).toEqual({ _id: 2, b: 1 })
  })
})
