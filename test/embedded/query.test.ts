// Runs the cases of filters, sorts and projections. A case of a filter names the positions of the documents it finds.
import { describe, expect, test } from '@jest/globals'
import { Binary, ObjectId } from 'mongodb'
import { projected, projectionCases } from './cases/projections.ts'
import { queryCases } from './cases/queries.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

async function found(documents: AnyDocument[], filter: AnyDocument): Promise<number[]> {
  const collection = fixture.collection()
  await collection.insertMany(documents.map((doc, at) => ({ _id: at, ...doc })))
  const result = await collection.find(filter).sort({ _id: 1 }).toArray()
  return result.map((doc) => doc._id)
}

const date = new Date('2026-01-01T00:00:00Z')
const id = new ObjectId()

describe('a filter', () => {
  for (const [name, documents, filter, expected] of queryCases) {
    test(name, async () => {
      expect(await found(documents, filter)).toEqual(expected)
    })
  }
})

describe('a wrong filter', () => {
  const wrong: [AnyDocument, number][] = [
    [{ $foo: 1 }, 2],
    [{ a: { $foo: 1 } }, 2],
    [{ $and: [] }, 2],
    [{ $or: 1 }, 2],
    [{ a: { $in: 1 } }, 2],
    [{ a: { $elemMatch: 1 } }, 2],
    [{ a: { $options: 'i' } }, 2],
    [{ a: { $not: 1 } }, 2],
    [{ a: { $regex: '(' } }, 51091],
    [{ a: { $type: 'what' } }, 2],
    [{ a: { $type: 99 } }, 2],
    [{ a: { $type: [] } }, 9],
    [{ a: { $not: {} } }, 2],
    [{ a: { $size: -1 } }, 9],
    [{ a: { $all: [{ $gt: 1 }] } }, 2],
    [{ a: { $regex: 'x', $options: 'q' } }, 51108],
    [{ $expr: { $foo: 1 } }, 168],
    [{ a: { $expr: true } }, 2],
  ]
  for (const [filter, code] of wrong) {
    test(`${JSON.stringify(filter)} is refused with code ${code}`, async () => {
      expect(await errorOf(fixture.collection().find(filter).toArray())).toMatchObject({ code })
    })
  }
})

describe('a sort', () => {
  test('orders types as MongoDB does, missing and null together', async () => {
    const collection = fixture.collection()
    const values = [true, 'a', 3, null, date, { x: 1 }, id, /x/, new Binary(Buffer.from('x'))]
    await collection.insertMany(values.map((v, at) => ({ _id: at, v })))
    await collection.insertOne({ _id: 99 })
    const sorted = await collection.find().sort({ v: 1, _id: 1 }).toArray()
    expect(sorted.map((doc) => doc._id)).toEqual([3, 99, 2, 1, 5, 8, 6, 0, 4, 7])
  })

  test('uses the least element of an array if ascending, the greatest if descending', async () => {
    const collection = fixture.collection()
    await collection.insertMany([
      { _id: 1, a: [1, 9] },
      { _id: 2, a: 5 },
      { _id: 3, a: [] },
    ])
    expect((await collection.find().sort({ a: 1 }).toArray()).map((doc) => doc._id)).toEqual([3, 1, 2])
    expect((await collection.find().sort({ a: -1 }).toArray()).map((doc) => doc._id)).toEqual([1, 2, 3])
  })

  test('uses several keys, each in its direction', async () => {
    const collection = fixture.collection()
    await collection.insertMany([
      { _id: 1, a: 1, b: 1 },
      { _id: 2, a: 1, b: 2 },
      { _id: 3, a: 0, b: 9 },
    ])
    const sorted = await collection
      .find()
      .sort([
        ['a', 1],
        ['b', -1],
      ])
      .toArray()
    expect(sorted.map((doc) => doc._id)).toEqual([3, 2, 1])
  })
})

describe('a projection', () => {
  for (const [name, projection, expected] of projectionCases) {
    test(name, async () => {
      const collection = fixture.collection()
      await collection.insertOne(projected)
      const result = await collection.findOne({}, { projection })
      // Compared as text, because the order of fields matters.
      expect(JSON.stringify(result)).toBe(JSON.stringify(expected))
      const old = await collection.findOneAndUpdate({}, { $set: { changed: 1 } }, { projection })
      expect(JSON.stringify(old)).toBe(JSON.stringify(expected))
    })
  }

  test('keeps the order of the fields in the document', async () => {
    const collection = fixture.collection()
    await collection.insertOne(projected)
    expect(Object.keys((await collection.findOne({}, { projection: { z: 1, a: 1 } }))!)).toEqual(['_id', 'a', 'z'])
  })

  test('cannot both include and exclude fields', async () => {
    expect(await errorOf(fixture.collection().findOne({}, { projection: { a: 1, b: 0 } }))).toMatchObject({
      code: 31254,
    })
  })
})

describeEmbedded('the embedded server refuses', () => {
  const refused: [string, AnyDocument, AnyDocument][] = [
    ['$mod', { a: { $mod: [2, 0] } }, {}],
    ['$where', { $where: '1' }, {}],
    ['the type of an integer', { a: { $type: 'int' } }, {}],
    ['the option x of a regular expression', { a: { $regex: 'x', $options: 'x' } }, {}],
    ['the positional projection', { a: 1 }, { 'a.$': 1 }],
    ['a projection with $elemMatch and an expression', { a: 1 }, { a: { $elemMatch: { b: 1 } }, c: '$d' }],
    ['$meta in a projection', {}, { a: { $meta: 'textScore' } }],
  ]
  for (const [sentence, filter, projection] of refused) {
    test(sentence, async () => {
      expect(await errorOf(fixture.collection().findOne(filter, { projection }))).toMatchObject({ code: 238 })
    })
  }
})
