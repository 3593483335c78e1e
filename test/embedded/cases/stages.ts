// The results of pipelines, by MongoDB's documentation. A case is a sentence, the documents, the pipeline, the result.
import type { AnyDocument } from '../support.ts'

export type StageCase = [sentence: string, documents: AnyDocument[], pipeline: AnyDocument[], result: AnyDocument[]]

const n = (...values: AnyDocument[]) => values.map((a, _id) => ({ _id, a }))

export const stageCases: StageCase[] = [
  ['$match keeps what a filter finds', n(1, [1], 2), [{ $match: { a: 1 } }], n(1, [1])],
  [
    '$match takes $expr',
    [
      { _id: 0, a: 1, b: 2 },
      { _id: 1, a: 2, b: 1 },
    ],
    [{ $match: { $expr: { $gt: ['$b', '$a'] } } }],
    [{ _id: 0, a: 1, b: 2 }],
  ],
  ['$sort, $skip and $limit', n(3, 1, 2), [{ $sort: { a: 1 } }, { $skip: 1 }, { $limit: 1 }], [{ _id: 2, a: 2 }]],
  [
    '$sort uses the least element of an array if ascending, the greatest if descending',
    [{ _id: 0, a: [1, 9] }, { _id: 1, a: 5 }, { _id: 2 }, { _id: 3, a: [] }],
    [
      {
        $facet: {
          up: [{ $sort: { a: 1 } }, { $project: { a: 0 } }],
          down: [{ $sort: { a: -1 } }, { $project: { a: 0 } }],
        },
      },
    ],
    [{ up: [{ _id: 3 }, { _id: 2 }, { _id: 0 }, { _id: 1 }], down: [{ _id: 0 }, { _id: 1 }, { _id: 2 }, { _id: 3 }] }],
  ],
  [
    '$sort puts null and missing together, in the order of the next key',
    [{ _id: 0, a: null }, { _id: 1 }, { _id: 2, a: null }, { _id: 3, a: 0 }],
    [{ $sort: { a: 1, _id: -1 } }, { $project: { _id: 1 } }],
    [{ _id: 2 }, { _id: 1 }, { _id: 0 }, { _id: 3 }],
  ],
  ['$count counts', n(1, 2), [{ $count: 'n' }], [{ n: 2 }]],
  ['$count of no documents gives no document', n(1), [{ $match: { a: 9 } }, { $count: 'n' }], []],

  [
    '$project keeps fields in the order of the document',
    [{ _id: 0, x: 1, y: 2, z: 3 }],
    [{ $project: { z: 1, x: 1 } }],
    [{ _id: 0, x: 1, z: 3 }],
  ],
  [
    '$project adds computed fields at the end, in its own order',
    [{ _id: 0, x: 1 }],
    [{ $project: { b: '$x', x: 1, a: { $literal: 1 } } }],
    [{ _id: 0, x: 1, b: 1, a: 1 }],
  ],
  [
    '$project excludes',
    [{ _id: 0, a: { b: 1, c: 2 }, d: 3 }],
    [{ $project: { 'a.b': 0, d: 0 } }],
    [{ _id: 0, a: { c: 2 } }],
  ],
  [
    '$project leaves out missing and removed fields',
    [{ _id: 0, x: 1 }],
    [{ $project: { a: '$nope', b: { $cond: ['$x', '$$REMOVE', 1] } } }],
    [{ _id: 0 }],
  ],
  [
    '$project computes inside documents',
    [{ _id: 0, x: 1, a: { b: 5, c: 6 } }],
    [{ $project: { a: { c: 1, d: '$x' } } }],
    [{ _id: 0, a: { c: 6, d: 1 } }],
  ],
  [
    '$addFields keeps the place of an existing field',
    [{ _id: 0, x: 1, y: 2 }],
    [{ $addFields: { z: 3, x: '$y' } }],
    [{ _id: 0, x: 2, y: 2, z: 3 }],
  ],
  [
    '$set sets a field in each document of an array',
    [{ _id: 0, l: [{ a: 1 }, { a: 2 }] }],
    [{ $set: { 'l.b': 0 } }],
    [
      {
        _id: 0,
        l: [
          { a: 1, b: 0 },
          { a: 2, b: 0 },
        ],
      },
    ],
  ],
  [
    '$set reads the document as it was before the stage',
    [{ _id: 0, a: 1, b: 2 }],
    [{ $set: { a: '$b', b: '$a' } }],
    [{ _id: 0, a: 2, b: 1 }],
  ],
  [
    '$unset removes fields',
    [{ _id: 0, a: 1, b: { c: 1, d: 2 } }],
    [{ $unset: ['a', 'b.c'] }],
    [{ _id: 0, b: { d: 2 } }],
  ],
  [
    '$replaceRoot puts a nested document in place of the whole',
    [{ _id: 0, a: { x: 1 } }],
    [{ $replaceRoot: { newRoot: '$a' } }],
    [{ x: 1 }],
  ],
  [
    '$replaceWith takes an expression',
    [{ _id: 0, a: 1 }],
    [{ $replaceWith: { $mergeObjects: [{ b: 0 }, '$$ROOT'] } }],
    [{ b: 0, _id: 0, a: 1 }],
  ],

  [
    '$unwind makes a document of each element',
    [{ _id: 0, a: [1, 2] }, { _id: 1, a: 3 }, { _id: 2, a: [] }, { _id: 3, a: null }, { _id: 4 }],
    [{ $unwind: '$a' }],
    [
      { _id: 0, a: 1 },
      { _id: 0, a: 2 },
      { _id: 1, a: 3 },
    ],
  ],
  [
    '$unwind can keep null, missing and empty, and add the position',
    [{ _id: 0, a: ['x', 'y'] }, { _id: 1, a: 3 }, { _id: 2, a: [] }, { _id: 3, a: null }, { _id: 4 }],
    [{ $unwind: { path: '$a', includeArrayIndex: 'i', preserveNullAndEmptyArrays: true } }],
    [
      { _id: 0, a: 'x', i: 0 },
      { _id: 0, a: 'y', i: 1 },
      { _id: 1, a: 3, i: null },
      { _id: 2, i: null },
      { _id: 3, a: null, i: null },
      { _id: 4, i: null },
    ],
  ],
  [
    '$unwind puts the position in place of an array on the way',
    [{ _id: 0, a: [7], b: [{ c: 1 }] }],
    [{ $unwind: { path: '$a', includeArrayIndex: 'b.i' } }],
    [{ _id: 0, a: 7, b: { i: 0 } }],
  ],
  [
    '$unwind follows paths into documents, and does not change the original',
    [{ _id: 0, a: { b: [1, 2], c: 0 } }],
    [{ $unwind: '$a.b' }, { $set: { 'a.c': '$a.b' } }],
    [
      { _id: 0, a: { b: 1, c: 1 } },
      { _id: 0, a: { b: 2, c: 2 } },
    ],
  ],

  [
    '$group gathers by a value, null and missing together',
    [
      { _id: 0, k: 'x', v: 1 },
      { _id: 1, k: 'x', v: 2 },
      { _id: 2, k: null, v: 3 },
      { _id: 3, v: 4 },
    ],
    [{ $group: { _id: '$k', sum: { $sum: '$v' }, n: { $count: {} } } }, { $sort: { _id: 1 } }],
    [
      { _id: null, sum: 7, n: 2 },
      { _id: 'x', sum: 3, n: 2 },
    ],
  ],
  [
    '$group: $avg, $min, $max skip null and missing',
    [{ _id: 0, v: 4 }, { _id: 1, v: null }, { _id: 2 }, { _id: 3, v: 2 }],
    [{ $group: { _id: 0, avg: { $avg: '$v' }, min: { $min: '$v' }, max: { $max: '$v' } } }],
    [{ _id: 0, avg: 3, min: 2, max: 4 }],
  ],
  [
    '$group: $first and $last go by the order of documents, null for missing',
    [{ _id: 0, v: 1 }, { _id: 1, v: 2 }, { _id: 2 }],
    [{ $sort: { _id: 1 } }, { $group: { _id: 0, first: { $first: '$v' }, last: { $last: '$v' } } }],
    [{ _id: 0, first: 1, last: null }],
  ],
  [
    '$group: $push keeps all values, $addToSet each value once',
    [{ _id: 0, v: 1 }, { _id: 1, v: 1 }, { _id: 2, v: null }, { _id: 3 }],
    [
      { $sort: { _id: 1 } },
      { $group: { _id: 0, all: { $push: '$v' }, set: { $addToSet: '$v' } } },
      { $set: { set: { $size: '$set' } } },
    ],
    [{ _id: 0, all: [1, 1, null], set: 2 }],
  ],
  [
    '$group: $mergeObjects',
    [{ _id: 0, d: { a: 1, b: 1 } }, { _id: 1, d: { b: 2 } }, { _id: 2 }],
    [{ $sort: { _id: 1 } }, { $group: { _id: 0, d: { $mergeObjects: '$d' } } }],
    [{ _id: 0, d: { a: 1, b: 2 } }],
  ],
  [
    '$group by a document of expressions',
    n(1, 2, 3),
    [{ $group: { _id: { odd: { $mod: ['$a', 2] } }, n: { $sum: 1 } } }, { $sort: { n: 1 } }],
    [
      { _id: { odd: 0 }, n: 1 },
      { _id: { odd: 1 }, n: 2 },
    ],
  ],

  [
    '$bucket includes lower bounds, excludes upper bounds, and puts the rest into the default, in order',
    n(0, 10, 19.5, 20, null, 'x', 30),
    [{ $bucket: { groupBy: '$a', boundaries: [0, 10, 20], default: 'other' } }],
    [
      { _id: 0, count: 1 },
      { _id: 10, count: 2 },
      { _id: 'other', count: 4 },
    ],
  ],
  [
    '$bucket with an output, and a default below',
    n(-1, 5, 7),
    [{ $bucket: { groupBy: '$a', boundaries: [0, 10], default: -100, output: { all: { $push: '$a' } } } }],
    [
      { _id: -100, all: [-1] },
      { _id: 0, all: [5, 7] },
    ],
  ],
  [
    '$sortByCount',
    n('x', 'y', 'x'),
    [{ $sortByCount: '$a' }],
    [
      { _id: 'x', count: 2 },
      { _id: 'y', count: 1 },
    ],
  ],
  [
    '$facet runs each of its pipelines over the same documents',
    n(1, 2, 3),
    [{ $facet: { big: [{ $match: { a: { $gt: 1 } } }, { $count: 'n' }], none: [{ $match: { a: 9 } }] } }],
    [{ big: [{ n: 2 }], none: [] }],
  ],
  [
    '$project computes in every element of an array',
    [{ _id: 0, a: [{ x: 1, y: 2 }, 3, [{ x: 4 }]], n: 5 }],
    [{ $project: { 'a.z': '$n', 'a.x': 1 } }],
    [{ _id: 0, a: [{ x: 1, z: 5 }, { z: 5 }, [{ x: 4, z: 5 }]] }],
  ],
  [
    '$project computes inside a field where it is, and new fields at the end',
    [{ _id: 0, a: { x: 1 }, b: 2, c: 3 }],
    [{ $project: { d: 'd', b: 1, 'c.z': '$b', 'a.y': '$b' } }],
    [{ _id: 0, a: { y: 2 }, b: 2, c: { z: 2 }, d: 'd' }],
  ],
  [
    '$project puts a computed _id after the kept fields',
    [{ _id: 0, a: 1, b: 2 }],
    [{ $project: { _id: '$a', b: 1 } }],
    [{ b: 2, _id: 1 }],
  ],
  [
    '$bucket accepts null as a default',
    [{ _id: 0, a: 5 }, { _id: 1 }],
    [{ $bucket: { groupBy: '$a', boundaries: [0, 10], default: null } }],
    [
      { _id: null, count: 1 },
      { _id: 0, count: 1 },
    ],
  ],
]

export const stageErrors: [sentence: string, pipeline: AnyDocument[], code: number][] = [
  ['a stage that MongoDB does not know', [{ $foo: {} }], 40324],
  ['two stages in one', [{ $limit: 1, $skip: 1 }], 40323],
  ['$limit of 0', [{ $limit: 0 }], 15958],
  ['$skip of less', [{ $skip: -1 }], 5107200],
  ['$sort by nothing', [{ $sort: {} }], 15976],
  ['$sort by 2', [{ $sort: { a: 2 } }], 15975],
  ['$count with an empty name', [{ $count: '' }], 40157],
  ['$count with a path as a name', [{ $count: 'a.b' }], 40160],
  ['$group without _id', [{ $group: { n: { $sum: 1 } } }], 15955],
  ['an accumulator that MongoDB does not know', [{ $group: { _id: 0, n: { $foo: 1 } } }], 15952],
  ['an accumulator of several values', [{ $group: { _id: 0, n: { $sum: ['$a', '$b'] } } }], 40237],
  ['a field of $group without an accumulator', [{ $group: { _id: 0, n: 1 } }], 40234],
  ['$unwind without a $', [{ $unwind: 'a' }], 28818],
  ['$unwind with an unknown option', [{ $unwind: { path: '$a', x: 1 } }], 28811],
  ['$replaceRoot by a value that is not a document', [{ $replaceRoot: { newRoot: '$a' } }], 40228],
  ['$bucket out of order', [{ $bucket: { groupBy: '$a', boundaries: [2, 1] } }], 40194],
  ['$bucket with bounds of two types', [{ $bucket: { groupBy: '$a', boundaries: [1, 'x'] } }], 40193],
  [
    '$bucket with its default within the bounds',
    [{ $bucket: { groupBy: '$a', boundaries: [0, 9], default: 5 } }],
    40199,
  ],
  ['$bucket without a place for a value', [{ $bucket: { groupBy: '$a', boundaries: [5, 9] } }], 40066],
  ['$facet in $facet', [{ $facet: { a: [{ $facet: { b: [] } }] } }], 40600],
  ['$lookup without as', [{ $lookup: { from: 'x', localField: 'a', foreignField: 'b' } }], 9],
  ['$project of nothing', [{ $project: {} }], 51272],
  ['$project that includes and excludes', [{ $project: { a: 1, b: 0 } }], 31254],
  ['paths that collide', [{ $project: { a: 1, 'a.b': 1 } }], 31250],
]
