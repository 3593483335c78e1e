// Runs the cases of pipelines. `$lookup` has tests of its own, because it needs two collections.
import { describe, expect, test } from '@jest/globals'
import { stageCases, stageErrors } from './cases/stages.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

describe('a pipeline', () => {
  for (const [sentence, documents, pipeline, result] of stageCases) {
    test(sentence, async () => {
      const collection = fixture.collection()
      await collection.insertMany(documents)
      const made = await collection.aggregate(pipeline).toArray()
      // Compared as text, because the order of fields matters.
      expect(JSON.stringify(made)).toBe(JSON.stringify(result))
      expect(await collection.find().toArray()).toEqual(documents)
    })
  }
})

describe('a pipeline is refused', () => {
  for (const [sentence, pipeline, code] of stageErrors) {
    test(`for ${sentence} (${code})`, async () => {
      const collection = fixture.collection()
      await collection.insertOne({ _id: 0, a: 1 })
      expect(await errorOf(collection.aggregate(pipeline).toArray())).toMatchObject({ code })
    })
  }
})

describe('$lookup', () => {
  async function looked(local: AnyDocument[], foreign: AnyDocument[], spec: AnyDocument): Promise<AnyDocument[]> {
    const [here, there] = [fixture.collection(), fixture.collection()]
    await here.insertMany(local.map((doc, _id) => ({ _id, ...doc })))
    await there.insertMany(foreign.map((doc, _id) => ({ _id, ...doc })))
    const stage = { $lookup: { from: there.collectionName, as: 'found', ...spec } }
    const result = await here.aggregate([stage, { $sort: { _id: 1 } }]).toArray()
    return result.map((doc) => doc.found.map((one: AnyDocument) => one._id ?? one))
  }

  test('finds equal values, also in arrays on both sides', async () => {
    const local = [{ k: 1 }, { k: [1, 2] }, { k: 9 }]
    const foreign = [{ f: 1 }, { f: [2, 1] }, { f: 2 }, { f: '1' }]
    expect(await looked(local, foreign, { localField: 'k', foreignField: 'f' })).toEqual([[0, 1], [0, 1, 2], []])
  })

  test('treats missing as null', async () => {
    const found = await looked([{}, { k: null }], [{ f: null }, {}, { f: 1 }], { localField: 'k', foreignField: 'f' })
    expect(found).toEqual([
      [0, 1],
      [0, 1],
    ])
  })

  test('follows paths through arrays of documents', async () => {
    const local = [{ k: [{ id: 1 }, { id: 2 }] }]
    const foreign = [{ f: { id: 2 } }, { f: [{ id: 1 }] }, { f: { id: 3 } }]
    expect(await looked(local, foreign, { localField: 'k.id', foreignField: 'f.id' })).toEqual([[0, 1]])
  })

  test('finds nothing for an empty array if no foreign value is null', async () => {
    expect(await looked([{ k: [] }], [{ f: 1 }], { localField: 'k', foreignField: 'f' })).toEqual([[]])
  })

  test('runs a pipeline with variables of the document', async () => {
    const pipeline = [
      { $match: { $expr: { $and: [{ $eq: ['$f', '$$key'] }, { $gte: ['$n', '$$least'] }] } } },
      { $sort: { n: -1 } },
      { $replaceWith: { v: { $concat: ['$$key', '!'] } } },
    ]
    const spec = { let: { key: '$k', least: { $add: ['$l', 1] } }, pipeline }
    const foreign = [
      { f: 'a', n: 1 },
      { f: 'a', n: 5 },
      { f: 'b', n: 5 },
    ]
    expect(
      await looked(
        [
          { k: 'a', l: 1 },
          { k: 'b', l: 9 },
        ],
        foreign,
        spec,
      ),
    ).toEqual([[{ v: 'a!' }], []])
  })

  test('can have both an equality and a pipeline', async () => {
    const spec = { localField: 'k', foreignField: 'f', pipeline: [{ $match: { n: 2 } }] }
    const foreign = [
      { f: 1, n: 1 },
      { f: 1, n: 2 },
      { f: 2, n: 2 },
    ]
    expect(await looked([{ k: 1 }], foreign, spec)).toEqual([[1]])
  })

  test('finds nothing in a missing collection, and can be nested', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1 })
    const inner = {
      $lookup: { from: collection.collectionName, let: { x: '$$outer' }, pipeline: [{ $set: { x: '$$x' } }], as: 'l' },
    }
    const outer = { $lookup: { from: collection.collectionName, let: { outer: '$_id' }, pipeline: [inner], as: 'l' } }
    const none = { $lookup: { from: 'not-there', localField: '_id', foreignField: '_id', as: 'none' } }
    expect(await collection.aggregate([outer, none]).toArray()).toEqual([
      { _id: 1, l: [{ _id: 1, l: [{ _id: 1, x: 1 }] }], none: [] },
    ])
  })

  test('sees the writes of its own transaction, and otherwise the snapshot', async () => {
    const [here, there] = [fixture.collection(), fixture.collection()]
    await here.insertOne({ _id: 1 })
    await there.insertOne({ _id: 1 })
    const spec = { from: there.collectionName, localField: '_id', foreignField: '_id', as: 'l' }
    await fixture.client.withSession((session) =>
      session.withTransaction(async () => {
        await there.updateOne({ _id: 1 }, { $set: { mine: true } }, { session })
        const [doc] = await here.aggregate([{ $lookup: spec }], { session }).toArray()
        expect(doc!.l).toEqual([{ _id: 1, mine: true }])
      }),
    )
  })
})

describeEmbedded('the embedded server refuses', () => {
  const refused: [string, AnyDocument[]][] = [
    ['a stage that is not supported', [{ $graphLookup: {} }]],
    ['an accumulator that is not supported', [{ $group: { _id: 0, a: { $stdDevPop: '$a' } } }]],
    ['$lookup from another database', [{ $lookup: { from: { db: 'x', coll: 'y' }, as: 'z', pipeline: [] } }]],
  ]
  for (const [sentence, pipeline] of refused) {
    test(sentence, async () => {
      expect(await errorOf(fixture.collection().aggregate(pipeline).toArray())).toMatchObject({ code: 238 })
    })
  }
})
