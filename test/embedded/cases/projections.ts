// The results of projections of one document, by MongoDB's documentation.
import type { AnyDocument } from '../support.ts'

export const projected = { _id: 1, a: { b: 1, c: 2 }, l: [{ x: 1, y: 2 }, 3, [{ x: 4 }]], z: 5, n: [1, 2, 3] }
export const projectionCases: [sentence: string, projection: AnyDocument, result: AnyDocument][] = [
  ['keeps the named fields, and _id', { z: 1 }, { _id: 1, z: 5 }],
  ['can leave _id out', { z: 1, _id: 0 }, { z: 5 }],
  ['excludes the named fields', { a: 0, l: 0, n: 0 }, { _id: 1, z: 5 }],
  ['reaches into documents', { 'a.b': 1 }, { _id: 1, a: { b: 1 } }],
  ['treats nested documents as paths', { a: { b: 1 } }, { _id: 1, a: { b: 1 } }],
  ['reaches into arrays, where values have no fields', { 'l.x': 1 }, { _id: 1, l: [{ x: 1 }, [{ x: 4 }]] }],
  ['drops inside arrays', { 'l.x': 0, a: 0, n: 0 }, { _id: 1, l: [{ y: 2 }, 3, [{}]], z: 5 }],
  ['of _id only keeps nothing else', { _id: 1 }, { _id: 1 }],
  ['that excludes only _id keeps the rest', { _id: 0 }, { a: projected.a, l: projected.l, z: 5, n: [1, 2, 3] }],

  ['keeps the order of the document', { z: 1, a: 1 }, { _id: 1, a: projected.a, z: 5 }],
  ['puts computed fields after the kept ones', { two: { $add: ['$z', '$a.c'] }, z: 1 }, { _id: 1, z: 5, two: 7 }],
  ['takes constants', { a: 'x', z: 1 }, { _id: 1, z: 5, a: 'x' }],
  ['with $slice keeps everything else', { n: { $slice: 2 }, l: 0 }, { _id: 1, a: projected.a, z: 5, n: [1, 2] }],
  ['with $slice takes the last', { n: { $slice: -1 }, z: 1 }, { _id: 1, z: 5, n: [3] }],
  ['with $slice skips and limits', { n: { $slice: [1, 1] }, z: 1 }, { _id: 1, z: 5, n: [2] }],
  ['with $slice from before the beginning', { n: { $slice: [-9, 2] }, _id: 0, a: 0, l: 0, z: 0 }, { n: [1, 2] }],
  [
    'with $slice keeps a value that is not an array',
    { z: { $slice: 1 }, l: 0, n: 0 },
    { _id: 1, a: projected.a, z: 5 },
  ],
  ['with $elemMatch keeps the first element that matches', { n: { $elemMatch: { $gt: 1 } } }, { _id: 1, n: [2] }],
  [
    'with $elemMatch stands after the other kept fields',
    { l: { $elemMatch: { x: 1 } }, z: 1 },
    { _id: 1, z: 5, l: [{ x: 1, y: 2 }] },
  ],
  ['with $elemMatch that matches nothing leaves the field out', { n: { $elemMatch: { $gt: 9 } } }, { _id: 1 }],
]
