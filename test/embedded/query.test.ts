// What filters match, case by case. Each case names the documents (by their place) that a filter must find.
import { describe, expect, test } from '@jest/globals'
import { Binary, ObjectId } from 'mongodb'
import { type AnyDocument, errorOf, useServer } from './support.ts'

const fixture = useServer()

async function found(documents: AnyDocument[], filter: AnyDocument): Promise<number[]> {
  const collection = fixture.collection()
  await collection.insertMany(documents.map((doc, at) => ({ _id: at, ...doc })))
  const result = await collection.find(filter).sort({ _id: 1 }).toArray()
  return result.map((doc) => doc._id)
}

const date = new Date('2026-01-01T00:00:00Z')
const id = new ObjectId()

const cases: [string, AnyDocument[], AnyDocument, number[]][] = [
  ['equality looks into arrays, and at arrays as a whole', [{ a: 1 }, { a: [1, 2] }, { a: 2 }], { a: 1 }, [0, 1]],
  [
    'equality with an array wants the same array, or an element that is it',
    [{ a: [1, 2] }, { a: [2, 1] }, { a: [[1, 2], 3] }],
    { a: [1, 2] },
    [0, 2],
  ],
  [
    'equality with a document minds the order of its fields',
    [{ a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }],
    { a: { b: 1, c: 2 } },
    [0],
  ],
  [
    'equality with null finds null and missing',
    [{ a: null }, {}, { a: 0 }, { a: [null] }, { a: [] }],
    { a: null },
    [0, 1, 3],
  ],
  [
    'null on a path inside an array finds documents without the field',
    [{ a: [{ b: 1 }, {}] }, { a: [{ b: 1 }] }, { a: [] }, { a: [1] }, { a: 1 }],
    { 'a.b': null },
    [0, 4],
  ],
  [
    '$ne is the opposite of equality, missing fields included',
    [{ a: 1 }, { a: [1, 2] }, {}, { a: 2 }],
    { a: { $ne: 1 } },
    [2, 3],
  ],
  ['$ne: null wants the field', [{ a: null }, {}, { a: 0 }], { a: { $ne: null } }, [2]],
  [
    '$gt compares within one type only',
    [{ a: 5 }, { a: '9' }, { a: 1 }, {}, { a: null }, { a: date }],
    { a: { $gt: 2 } },
    [0],
  ],
  ['$gte: null finds null and missing', [{ a: null }, {}, { a: 1 }], { a: { $gte: null } }, [0, 1]],
  ['$gt: null finds nothing', [{ a: null }, {}, { a: 1 }], { a: { $gt: null } }, []],
  [
    'a range may be met by different elements of an array',
    [{ a: [1, 10] }, { a: [5] }],
    { a: { $gt: 4, $lt: 6 } },
    [0, 1],
  ],
  [
    'strings are ordered by code point',
    [{ a: '\uffee' }, { a: '\u{1f600}' }, { a: 'z' }],
    { a: { $gt: '\uffee' } },
    [1],
  ],
  ['dates are ordered', [{ a: date }, { a: new Date(date.getTime() + 1) }], { a: { $gt: date } }, [1]],
  ['booleans are ordered', [{ a: true }, { a: false }], { a: { $gt: false } }, [0]],
  ['object ids are values', [{ a: id }, { a: new ObjectId() }, { a: id.toHexString() }], { a: id }, [0]],
  [
    'binaries are values',
    [{ a: new Binary(Buffer.from('x')) }, { a: new Binary(Buffer.from('y')) }],
    { a: new Binary(Buffer.from('x')) },
    [0],
  ],
  ['NaN equals itself and is in no range', [{ a: Number.NaN }, { a: 1 }], { a: { $lte: Number.NaN } }, [0]],
  ['NaN is not less than a number', [{ a: Number.NaN }, { a: 1 }], { a: { $lt: 2 } }, [1]],
  ['$in finds any of its values', [{ a: 1 }, { a: 'x' }, { a: [7, 1] }, { a: 3 }], { a: { $in: [1, 'x'] } }, [0, 1, 2]],
  ['$in with null finds missing fields', [{ a: null }, {}, { a: 1 }], { a: { $in: [null] } }, [0, 1]],
  ['$in takes regular expressions', [{ a: 'abc' }, { a: 'bcd' }], { a: { $in: [/^a/] } }, [0]],
  ['$nin is the opposite of $in', [{ a: 1 }, {}, { a: [1, 2] }, { a: 3 }], { a: { $nin: [1, 5] } }, [1, 3]],
  ['$exists sees null as a value', [{ a: null }, {}, { a: 1 }], { a: { $exists: true } }, [0, 2]],
  [
    '$exists: false on a path through an array',
    [{ a: [{ b: 1 }, {}] }, { a: [{}] }, { a: [] }],
    { 'a.b': { $exists: false } },
    [1, 2],
  ],
  [
    '$type asks elements of arrays and the array',
    [{ a: 'x' }, { a: [1] }, { a: ['x'] }, { a: 1 }],
    { a: { $type: 'string' } },
    [0, 2],
  ],
  ['$type: array finds arrays', [{ a: [1] }, { a: 1 }], { a: { $type: 'array' } }, [0]],
  ['$type takes numbers and lists', [{ a: 'x' }, { a: true }, { a: null }, {}], { a: { $type: [8, 10] } }, [1, 2]],
  ['$size wants that many elements', [{ a: [1, 2] }, { a: [[1, 2]] }, { a: 2 }, { a: [] }], { a: { $size: 2 } }, [0]],
  ['$all wants each value somewhere', [{ a: [1, 2, 3] }, { a: [1] }, { a: 1 }], { a: { $all: [1, 2] } }, [0]],
  ['$all of one value takes a scalar', [{ a: 1 }, { a: [1] }, { a: 2 }], { a: { $all: [1] } }, [0, 1]],
  ['$all of nothing finds nothing', [{ a: [] }, { a: 1 }], { a: { $all: [] } }, []],
  [
    '$all takes $elemMatch',
    [{ a: [{ b: 1, c: 1 }, { b: 2 }] }, { a: [{ b: 1 }] }],
    { a: { $all: [{ $elemMatch: { b: 1 } }, { $elemMatch: { b: 2 } }] } },
    [0],
  ],
  [
    '$elemMatch wants one element that meets everything',
    [{ a: [{ b: 1, c: 2 }] }, { a: [{ b: 1 }, { c: 2 }] }],
    { a: { $elemMatch: { b: 1, c: 2 } } },
    [0],
  ],
  ['$elemMatch on values', [{ a: [1, 10] }, { a: [5] }, { a: 5 }], { a: { $elemMatch: { $gt: 4, $lt: 6 } } }, [1]],
  [
    '$elemMatch with $or inside',
    [{ a: [{ b: 1 }] }, { a: [{ c: 1 }] }, { a: [{ d: 1 }] }],
    { a: { $elemMatch: { $or: [{ b: 1 }, { c: 1 }] } } },
    [0, 1],
  ],
  ['$not turns a condition around', [{ a: 1 }, { a: 5 }, {}], { a: { $not: { $gt: 2 } } }, [0, 2]],
  ['$not takes a regular expression', [{ a: 'abc' }, { a: 'x' }, {}], { a: { $not: /^a/ } }, [1, 2]],
  [
    '$and, $or and $nor combine',
    [
      { a: 1, b: 1 },
      { a: 1, b: 2 },
      { a: 2, b: 3 },
    ],
    { $or: [{ $and: [{ a: 1 }, { b: 1 }] }, { $nor: [{ b: 1 }, { b: 2 }] }] },
    [0, 2],
  ],
  [
    'a dotted path goes through documents and arrays of documents',
    [{ a: { b: 1 } }, { a: [{ b: 1 }, { b: 2 }] }, { a: [[{ b: 1 }]] }],
    { 'a.b': 1 },
    [0, 1],
  ],
  [
    'a number in a path is a position or a field',
    [{ a: [1, 2] }, { a: { 0: 1 } }, { a: [[1]] }, { a: [{ 0: 1 }] }],
    { 'a.0': 1 },
    [0, 1, 3],
  ],
  ['a position inside a path', [{ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 2 }, { b: 1 }] }], { 'a.0.b': 1 }, [0]],
  ['a field named like something inherited is just a field', [{ constructor: 1 }, {}], { constructor: 1 }, [0]],
  ['a field named like something inherited can be missing', [{ a: 1 }], { toString: { $exists: true } }, []],
  ['$regex with options', [{ a: 'ABC' }, { a: 'xyz' }, { a: 1 }], { a: { $regex: '^ab', $options: 'i' } }, [0]],
  [
    'in a regular expression $ also stands before a last line feed',
    [{ a: 'x\n' }, { a: 'x\ny' }, { a: 'x' }],
    { a: { $regex: 'x$' } },
    [0, 2],
  ],
  [
    'in a regular expression . stops at line feeds only',
    [{ a: 'a\rb' }, { a: 'a\nb' }, { a: 'a\u2028b' }],
    { a: { $regex: 'a.b' } },
    [0, 2],
  ],
  [
    'multi-line regular expressions see line feeds',
    [{ a: 'x\nab' }, { a: 'xab' }],
    { a: { $regex: '^ab', $options: 'm' } },
    [0],
  ],
  ['$comment changes nothing', [{ a: 1 }], { a: 1, $comment: 'why' }, [0]],
]

describe('a filter', () => {
  for (const [name, documents, filter, expected] of cases) {
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

  test('takes the least element of an array upwards and the greatest downwards', async () => {
    const collection = fixture.collection()
    await collection.insertMany([
      { _id: 1, a: [1, 9] },
      { _id: 2, a: 5 },
      { _id: 3, a: [] },
    ])
    expect((await collection.find().sort({ a: 1 }).toArray()).map((doc) => doc._id)).toEqual([3, 1, 2])
    expect((await collection.find().sort({ a: -1 }).toArray()).map((doc) => doc._id)).toEqual([1, 2, 3])
  })

  test('goes by several keys, each in its direction', async () => {
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
  const doc = { _id: 1, a: { b: 1, c: 2 }, l: [{ x: 1, y: 2 }, 3, [{ x: 4 }]], z: 5 }
  const projections: [string, AnyDocument, AnyDocument][] = [
    ['keeps what it names, and _id', { z: 1 }, { _id: 1, z: 5 }],
    ['can leave _id out', { z: 1, _id: 0 }, { z: 5 }],
    ['drops what it names', { a: 0, l: 0 }, { _id: 1, z: 5 }],
    ['reaches into documents', { 'a.b': 1 }, { _id: 1, a: { b: 1 } }],
    ['takes nested documents as paths', { a: { b: 1 } }, { _id: 1, a: { b: 1 } }],
    ['reaches into arrays, where values have no fields', { 'l.x': 1 }, { _id: 1, l: [{ x: 1 }, [{ x: 4 }]] }],
    ['drops inside arrays', { 'l.x': 0, a: 0 }, { _id: 1, l: [{ y: 2 }, 3, [{}]], z: 5 }],
    ['of _id alone keeps it alone', { _id: 1 }, { _id: 1 }],
    ['without _id alone keeps the rest', { _id: 0 }, { a: doc.a, l: doc.l, z: 5 }],
  ]
  for (const [name, projection, expected] of projections) {
    test(name, async () => {
      const collection = fixture.collection()
      await collection.insertOne(doc)
      expect(await collection.findOne({}, { projection })).toEqual(expected)
    })
  }

  test('keeps the order of the document, whatever its own is', async () => {
    const collection = fixture.collection()
    await collection.insertOne(doc)
    expect(Object.keys((await collection.findOne({}, { projection: { z: 1, a: 1 } }))!)).toEqual(['_id', 'a', 'z'])
  })

  test('cannot both keep and drop', async () => {
    expect(await errorOf(fixture.collection().findOne({}, { projection: { a: 1, b: 0 } }))).toMatchObject({
      code: 31254,
    })
  })
})
