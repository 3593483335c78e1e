// Runs the cases of updates, each by update and by findAndModify.
import { describe, expect, test } from '@jest/globals'
import { updateCases, updateErrors } from './cases/updates.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

describe('an update', () => {
  for (const [sentence, before, update, after, { filter = {}, arrayFilters } = {}] of updateCases) {
    test(sentence, async () => {
      const collection = fixture.collection()
      const options = arrayFilters === undefined ? {} : { arrayFilters }
      await collection.insertMany([1, 2].map((_id) => ({ _id, ...before })))
      await collection.updateOne({ _id: 1, ...filter }, update, options)
      expect(await collection.findOne({ _id: 1 })).toEqual({ _id: 1, ...after })
      const old = await collection.findOneAndUpdate({ _id: 2, ...filter }, update, options)
      expect(old).toEqual({ _id: 2, ...before })
      expect(await collection.findOne({ _id: 2 })).toEqual({ _id: 2, ...after })
    })
  }

  test('$currentDate sets the date of the server', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1 })
    const update: AnyDocument = { $currentDate: { a: true, b: { $type: 'date' } } }
    const after: AnyDocument = await collection.findOneAndUpdate({ _id: 1 }, update, { returnDocument: 'after' })
    expect(after.a).toBeInstanceOf(Date)
    expect(after.b).toEqual(after.a)
    expect(Math.abs(Date.now() - after.a.getTime())).toBeLessThan(60_000)
  })

  test('by $ finds the position in each document by itself', async () => {
    const collection = fixture.collection()
    await collection.insertMany([
      { _id: 1, a: [1, 2] },
      { _id: 2, a: [2, 1] },
    ])
    await collection.updateMany({ a: 1 }, { $set: { 'a.$': 9 } })
    expect((await collection.find().sort({ _id: 1 }).toArray()).map((doc) => doc.a)).toEqual([
      [9, 2],
      [2, 9],
    ])
  })

  test('that upserts by a pipeline begins with the equalities of the filter', async () => {
    const collection = fixture.collection()
    await collection.updateOne({ _id: 1, a: 2 }, [{ $set: { b: { $multiply: ['$a', 2] } } }], { upsert: true })
    expect(await collection.findOne()).toEqual({ _id: 1, a: 2, b: 4 })
  })

  test('by $[] cannot upsert a missing array', async () => {
    const call = fixture.collection().updateOne({ _id: 1 }, { $set: { 'a.$[]': 1 } }, { upsert: true })
    expect(await errorOf(call)).toMatchObject({ code: 2 })
  })

  test('that upserts cannot have $expr in its filter', async () => {
    const call = fixture.collection().updateOne({ $expr: { $eq: ['$a', 1] } }, { $set: { a: 1 } }, { upsert: true })
    expect(await errorOf(call)).toMatchObject({ code: 224 })
  })
})

describe('an update is refused', () => {
  for (const [sentence, before, update, code, { filter = {}, arrayFilters } = {}] of updateErrors) {
    test(`for ${sentence} (${code})`, async () => {
      const collection = fixture.collection()
      const options = arrayFilters === undefined ? {} : { arrayFilters }
      await collection.insertOne({ _id: 1, ...before })
      expect(await errorOf(collection.updateOne({ _id: 1, ...filter }, update, options))).toMatchObject({ code })
      const again = collection.findOneAndUpdate({ _id: 1, ...filter }, update, options)
      expect(await errorOf(again)).toMatchObject({ code })
      expect(await collection.findOne()).toEqual({ _id: 1, ...before })
    })
  }
})

describeEmbedded('the embedded server refuses', () => {
  const refused: [string, object, object, object][] = [
    ['$bit', { a: 1 }, {}, { $bit: { a: { and: 1 } } }],
    ['the date of $currentDate as a timestamp', {}, {}, { $currentDate: { a: { $type: 'timestamp' } } }],
    [
      '$ where conditions matched different elements',
      { a: [1, 2] },
      { a: { $gte: 1, $all: [2] } },
      { $set: { 'a.$': 0 } },
    ],
    ['$ with an $or', { a: [1] }, { $or: [{ a: 1 }] }, { $set: { 'a.$': 0 } }],
    ['an integer beyond 2^53', { a: 2 ** 52 }, {}, { $mul: { a: 4 } }],
  ]
  for (const [sentence, before, filter, update] of refused) {
    test(sentence, async () => {
      const collection = fixture.collection()
      await collection.insertOne({ _id: 1, ...before })
      expect(await errorOf(collection.updateOne({ _id: 1, ...filter }, update))).toMatchObject({ code: 238 })
    })
  }
})
