// The results of updates, by MongoDB's documentation. A case is a sentence, the document before (without `_id`), the
// update, and the document after. If the update needs more than `_id`, the filter and the array filters follow.
import type { AnyDocument } from '../support.ts'

export type UpdateCase = [
  sentence: string,
  before: AnyDocument,
  update: AnyDocument,
  after: AnyDocument,
  more?: { filter?: AnyDocument; arrayFilters?: AnyDocument[] },
]

const date = new Date('2026-01-01T00:00:00Z')

export const updateCases: UpdateCase[] = [
  ['$set sets, and creates documents on the way', { a: 1 }, { $set: { a: 2, 'b.c': 3 } }, { a: 2, b: { c: 3 } }],
  ['$set reaches into arrays by position', { a: [1, 2] }, { $set: { 'a.1': 9 } }, { a: [1, 9] }],
  ['$unset removes a field', { a: 1, b: 2 }, { $unset: { a: '' } }, { b: 2 }],
  ['$setOnInsert does not change an existing document', { a: 1 }, { $setOnInsert: { a: 2 } }, { a: 1 }],
  ['$inc adds', { a: 1 }, { $inc: { a: 2, b: -1 } }, { a: 3, b: -1 }],
  [
    '$min keeps the smaller value, also across types',
    { a: 5, b: 'x' },
    { $min: { a: 3, b: 1, c: 7 } },
    { a: 3, b: 1, c: 7 },
  ],
  [
    '$max keeps the greater value, also of dates',
    { a: 5, d: new Date(0) },
    { $max: { a: 3, d: date } },
    { a: 5, d: date },
  ],
  ['$mul multiplies, and sets a missing field to 0', { a: 3 }, { $mul: { a: 2, b: 5 } }, { a: 6, b: 0 }],
  ['$mul keeps the sign of zero of a fraction', { a: -0.5 }, { $mul: { a: 0 } }, { a: -0 }],
  ['$rename moves a field', { a: 1, b: 2 }, { $rename: { a: 'c' } }, { b: 2, c: 1 }],
  [
    '$rename moves between documents, and replaces an existing field',
    { a: { x: 1, y: 2 }, z: 0 },
    { $rename: { 'a.x': 'z' } },
    { a: { y: 2 }, z: 1 },
  ],
  ['$rename of a missing field does nothing', { a: 1 }, { $rename: { b: 'a' } }, { a: 1 }],
  ['$rename of a missing field in an array does nothing', { a: [1] }, { $rename: { 'a.5': 'b' } }, { a: [1] }],
  ['$push appends', { a: [1] }, { $push: { a: [2], b: 1 } }, { a: [1, [2]], b: [1] }],
  ['$push with $each appends several', { a: [1] }, { $push: { a: { $each: [2, 3] } } }, { a: [1, 2, 3] }],
  ['$push with $position', { a: [1, 2] }, { $push: { a: { $each: [9], $position: 1 } } }, { a: [1, 9, 2] }],
  ['$push with $slice', { a: [1, 2] }, { $push: { a: { $each: [3], $slice: -2 } } }, { a: [2, 3] }],
  ['$push with $sort orders all elements', { a: [3, 1] }, { $push: { a: { $each: [2], $sort: 1 } } }, { a: [1, 2, 3] }],
  [
    '$push with $sort by fields, then $slice, whatever order they are given in',
    {
      a: [
        { n: 'x', s: 5 },
        { n: 'y', s: 7 },
      ],
    },
    { $push: { a: { $slice: 2, $each: [{ n: 'z', s: 7 }, { n: 'w' }], $sort: { s: -1, n: 1 } } } },
    {
      a: [
        { n: 'y', s: 7 },
        { n: 'z', s: 7 },
      ],
    },
  ],
  [
    '$push of no values can still sort',
    { a: [3, 1, 'x'] },
    { $push: { a: { $each: [], $sort: -1 } } },
    { a: ['x', 3, 1] },
  ],
  [
    '$addToSet adds the values that are missing',
    { a: [1, { x: 1 }] },
    { $addToSet: { a: { $each: [{ x: 1 }, 2, 2] } } },
    { a: [1, { x: 1 }, 2] },
  ],
  [
    '$addToSet respects the order of fields',
    { a: [{ x: 1, y: 1 }] },
    { $addToSet: { a: { y: 1, x: 1 } } },
    {
      a: [
        { x: 1, y: 1 },
        { y: 1, x: 1 },
      ],
    },
  ],
  [
    '$pop takes from an end',
    { a: [1, 2, 3], b: [1, 2], c: [] },
    { $pop: { a: 1, b: -1, c: 1, d: 1 } },
    { a: [1, 2], b: [2], c: [] },
  ],
  ['$pull removes equal elements', { a: [1, [1], 2] }, { $pull: { a: 2 } }, { a: [1, [1]] }],
  ['$pull takes conditions', { a: [1, 5, 'x'] }, { $pull: { a: { $gte: 5 } } }, { a: [1, 'x'] }],
  ['$pull takes regular expressions', { a: ['ab', 'b'] }, { $pull: { a: /^a/ } }, { a: ['b'] }],
  [
    '$pull tests several fields of documents',
    { a: [{ q: [{ n: 1, a: 5 }] }, { q: [{ n: 2, a: 8 }] }] },
    { $pull: { a: { q: { $elemMatch: { n: 2, a: { $gte: 8 } } } } } },
    { a: [{ q: [{ n: 1, a: 5 }] }] },
  ],
  [
    '$pull takes $or over fields',
    { a: [{ x: 1 }, { y: 1 }, { z: 1 }] },
    { $pull: { a: { $or: [{ x: 1 }, { y: 1 }] } } },
    { a: [{ z: 1 }] },
  ],
  ['$pullAll removes all listed values', { a: [0, 2, 5, 5, 1, 0] }, { $pullAll: { a: [0, 5] } }, { a: [2, 1] }],

  [
    '$ is the element that the filter matched',
    { a: [80, 85, 90] },
    { $set: { 'a.$': 82 } },
    { a: [80, 82, 90] },
    { filter: { a: 85 } },
  ],
  [
    '$ with $elemMatch reaches into the element',
    {
      g: [
        { m: 75, s: 8 },
        { m: 85, s: 6 },
        { m: 90, s: 5 },
      ],
    },
    { $set: { 'g.$.s': 1 } },
    {
      g: [
        { m: 75, s: 8 },
        { m: 85, s: 1 },
        { m: 90, s: 5 },
      ],
    },
    { filter: { g: { $elemMatch: { m: { $gt: 75 }, s: { $gt: 5 } } } } },
  ],
  [
    '$ with a path into the array',
    { a: [{ b: 1 }, { b: 2 }] },
    { $inc: { 'a.$.n': 1 } },
    { a: [{ b: 1 }, { b: 2, n: 1 }] },
    { filter: { 'a.b': 2, x: { $ne: 1 } } },
  ],
  ['$[] is every element', { a: [1, 2] }, { $inc: { 'a.$[]': 10 } }, { a: [11, 12] }],
  ['$[] nests', { a: [{ b: [1, 2] }, { b: [] }] }, { $mul: { 'a.$[].b.$[]': 2 } }, { a: [{ b: [2, 4] }, { b: [] }] }],
  [
    '$[<identifier>] is every element that its filter accepts',
    { a: [95, 102, 90] },
    { $set: { 'a.$[high]': 100 } },
    { a: [95, 100, 90] },
    { arrayFilters: [{ high: { $gte: 100 } }] },
  ],
  [
    '$[<identifier>] asks fields of documents, and several may nest',
    {
      g: [
        { t: 'a', q: [1, 8] },
        { t: 'b', q: [8] },
      ],
    },
    { $set: { 'g.$[t].q.$[q]': 0 } },
    {
      g: [
        { t: 'a', q: [1, 0] },
        { t: 'b', q: [8] },
      ],
    },
    { arrayFilters: [{ 't.t': 'a' }, { q: { $gte: 5 } }] },
  ],
  [
    'an array filter may hold several conditions on its identifier',
    {
      a: [
        { x: 1, y: 1 },
        { x: 1, y: 2 },
      ],
    },
    { $unset: { 'a.$[e].y': '' } },
    { a: [{ x: 1 }, { x: 1, y: 2 }] },
    { arrayFilters: [{ $and: [{ 'e.x': 1 }, { 'e.y': { $lt: 2 } }] }] },
  ],

  [
    'a pipeline sets from other fields',
    { a: 1, b: 2 },
    [{ $set: { c: { $add: ['$a', '$b'] } } }],
    { a: 1, b: 2, c: 3 },
  ],
  [
    'a pipeline adds and removes fields, stage by stage',
    { a: 1 },
    [{ $addFields: { b: '$a' } }, { $unset: 'a' }],
    { b: 1 },
  ],
  ['a pipeline projects, and keeps _id', { a: 1, b: 2 }, [{ $project: { _id: 0, b: 1 } }], { b: 2 }],
  ['a pipeline replaces the document, and keeps _id', { a: { x: 1 } }, [{ $replaceRoot: { newRoot: '$a' } }], { x: 1 }],
  ['a pipeline replaces with an expression', { a: 1 }, [{ $replaceWith: { old: '$$ROOT.a' } }], { old: 1 }],
]

export const updateErrors: [
  sentence: string,
  before: AnyDocument,
  update: AnyDocument,
  code: number,
  more?: { filter?: AnyDocument; arrayFilters?: AnyDocument[] },
][] = [
  ['$mul of a string', { a: 'x' }, { $mul: { a: 2 } }, 14],
  ['$mul by a string', { a: 1 }, { $mul: { a: 'x' } }, 14],
  ['$rename to itself', { a: 1 }, { $rename: { a: 'a' } }, 2],
  ['$rename into itself', { a: 1 }, { $rename: { a: 'a.b' } }, 2],
  ['$rename to a value that is not a name', { a: 1 }, { $rename: { a: 1 } }, 2],
  ['$rename out of an array', { a: [1] }, { $rename: { 'a.0': 'b' } }, 2],
  ['$rename and $set of the same field', { a: 1 }, { $rename: { a: 'b' }, $set: { b: 1 } }, 40],
  ['$pop by another number', { a: [1] }, { $pop: { a: 2 } }, 9],
  ['$pop of a scalar', { a: 1 }, { $pop: { a: 1 } }, 14],
  ['$pullAll by a value that is not an array', { a: [1] }, { $pullAll: { a: 1 } }, 2],
  ['$push with an unknown modifier', { a: [1] }, { $push: { a: { $each: [], $what: 1 } } }, 2],
  ['$push with a $sort by 2', { a: [1] }, { $push: { a: { $each: [], $sort: { b: 2 } } } }, 2],
  ['$push with a $slice of a string', { a: [1] }, { $push: { a: { $each: [], $slice: 'x' } } }, 2],
  ['$currentDate of another type', { a: 1 }, { $currentDate: { a: { $type: 'string' } } }, 2],
  ['$ where the filter searched no array', { a: [1] }, { $set: { 'a.$': 2 } }, 2],
  ['$ in the first place', { a: [1] }, { $set: { $: 2 } }, 2],
  ['two $ in one path', { a: [[1]] }, { $set: { 'a.$.$': 2 } }, 2],
  ['$[] of a scalar', { a: 1 }, { $set: { 'a.$[]': 2 } }, 2],
  ['$[] of a missing array', {}, { $set: { 'a.$[]': 2 } }, 2],
  ['an identifier without a filter', { a: [1] }, { $set: { 'a.$[x]': 2 } }, 2],
  ['a filter without its identifier', { a: [1] }, { $set: { a: 2 } }, 9, { arrayFilters: [{ x: 1 }] }],
  ['two filters of one identifier', { a: [1] }, { $set: { 'a.$[x]': 2 } }, 9, { arrayFilters: [{ x: 1 }, { x: 2 }] }],
  ['a filter over two identifiers', { a: [1] }, { $set: { 'a.$[x]': 2 } }, 9, { arrayFilters: [{ x: 1, y: 2 }] }],
  ['an identifier that begins with a capital', { a: [1] }, { $set: { 'a.$[X]': 2 } }, 2, { arrayFilters: [{ X: 1 }] }],
  [
    'two paths that update the same element',
    { a: [1] },
    { $set: { 'a.$[x]': 2 }, $inc: { 'a.$[y]': 2 } },
    40,
    { arrayFilters: [{ x: 1 }, { y: 1 }] },
  ],
  ['array filters with a pipeline', { a: [1] }, [{ $set: { a: 1 } }], 9, { arrayFilters: [{ x: 1 }] }],
  ['a pipeline with a stage that updates cannot have', { a: 1 }, [{ $match: { a: 1 } }], 72],
  ['a pipeline that changes _id', { a: 1 }, [{ $set: { _id: 9 } }], 66],
  ['a pipeline whose result is not a document', { a: 1 }, [{ $replaceWith: '$a' }], 40228],
]
