// biome-ignore-all lint/suspicious/noThenProperty: "then" is the name of an argument of $cond and $switch
// The results of expressions, by MongoDB's documentation. A case is a sentence, the expression, its value (undefined
// for missing), and the document.
import { ObjectId } from 'mongodb'
import type { AnyDocument } from '../support.ts'

export type ExpressionCase = [sentence: string, expression: AnyDocument, value: AnyDocument, doc?: AnyDocument]

const at = (text: string) => new Date(text)
const id = new ObjectId('507f1f77bcf86cd799439011')

export const expressionCases: ExpressionCase[] = [
  ['$literal takes operators and paths as they are', { $literal: '$a' }, '$a', { a: 1 }],
  ['a path reads a field', '$a.b', 1, { a: { b: 1 } }],
  ['a path gathers from an array of documents', '$a.b', [1, 2], { a: [{ b: 1 }, { c: 1 }, { b: 2 }, 3] }],
  ['a number in a path is not a position', '$a.0', [], { a: [1, 2] }],
  ['a path that does not exist is missing', '$a.b', undefined, { a: 1 }],
  ['a missing value in an array becomes null', ['$a', '$b'], [1, null], { a: 1 }],
  ['a missing value is left out of a document', { x: '$a', y: '$b' }, { x: 1 }, { a: 1 }],
  ['$$ROOT is the whole document', '$$ROOT', { _id: 1, a: 2 }, { a: 2 }],
  ['$$CURRENT is the document too', '$$CURRENT.a', 2, { a: 2 }],
  ['$$NOW is one moment', { $eq: ['$$NOW', '$$NOW'] }, true],
  ['$$REMOVE is missing', { x: '$$REMOVE', y: 1 }, { y: 1 }],

  ['$eq compares values of any type', { $eq: ['$a', 'x'] }, false, { a: 1 }],
  ['$eq distinguishes null and missing', { $eq: ['$a', null] }, false],
  ['$ne is the opposite', { $ne: ['$a', 1] }, true, { a: 2 }],
  ['$gt orders across types', { $gt: ['a', 5] }, true],
  ['$gt puts null above missing', { $gt: [null, '$missing'] }, true],
  ['$gte holds for equals', { $gte: ['$a', 2] }, true, { a: 2 }],
  ['$lt puts documents before arrays', { $lt: [{ a: 1 }, [1]] }, true],
  ['$lte holds for equals', { $lte: ['$a', 2] }, true, { a: 2 }],
  ['$cmp gives the sign', [{ $cmp: [1, 2] }, { $cmp: [2, 2] }, { $cmp: [3, 2] }], [-1, 0, 1]],
  ['$and of nothing is true', { $and: [] }, true],
  [
    '$and treats null, 0 and missing as false',
    [{ $and: [1, '$a'] }, { $and: [1, 0] }, { $and: ['', []] }],
    [false, false, true],
  ],
  ['$or of nothing is false', { $or: [] }, false],
  ['$or stops at the first that is true', { $or: ['$a', { $divide: ['$a', 0] }] }, true, { a: 1 }],
  ['$not turns around', [{ $not: ['$a'] }, { $not: [[0]] }], [true, false], { a: 0 }],
  ['$cond chooses', { $cond: [{ $gt: ['$a', 1] }, 'big', 'small'] }, 'small', { a: 1 }],
  ['$cond takes names, and null as a result', { $cond: { if: '$a', then: 1, else: null } }, null],
  ['$cond evaluates one branch only', { $cond: ['$a', 1, { $divide: ['$a', 0] }] }, 1, { a: 1 }],
  ['$ifNull takes the first that is neither null nor missing', { $ifNull: ['$a', '$b', 3] }, 2, { a: null, b: 2 }],
  ['$ifNull can give missing', { $ifNull: ['$a', '$b'] }, undefined],
  [
    '$switch takes the first true branch',
    {
      $switch: {
        branches: [
          { case: { $lt: ['$a', 1] }, then: 'x' },
          { case: true, then: 'y' },
          { case: true, then: 'z' },
        ],
      },
    },
    'y',
    { a: 1 },
  ],
  ['$switch has a default', { $switch: { branches: [{ case: false, then: 1 }], default: '$a' } }, 2, { a: 2 }],

  ['$add sums numbers', { $add: [1, 2, 0.5] }, 3.5],
  ['$add of a date moves it', { $add: [at('2026-01-01T00:00:00Z'), 1000] }, at('2026-01-01T00:00:01Z')],
  ['$add with null or missing is null', [{ $add: [1, null] }, { $add: [1, '$x'] }], [null, null]],
  [
    '$subtract of dates gives milliseconds',
    { $subtract: [at('2026-01-01T00:00:01Z'), at('2026-01-01T00:00:00Z')] },
    1000,
  ],
  ['$subtract moves a date back', { $subtract: [at('2026-01-01T00:00:01Z'), 1000] }, at('2026-01-01T00:00:00Z')],
  ['$multiply multiplies', { $multiply: [2, 3, 0.5] }, 3],
  ['$divide divides', { $divide: [7, 2] }, 3.5],
  ['$mod has the sign of the dividend', [{ $mod: [7, 3] }, { $mod: [-7, 3] }], [1, -1]],
  ['$abs', [{ $abs: -1 }, { $abs: null }], [1, null]],
  ['$ceil', [{ $ceil: 7.8 }, { $ceil: -2.8 }], [8, -2]],
  ['$floor', [{ $floor: 7.8 }, { $floor: -2.8 }], [7, -3]],
  ['$round goes to the even neighbour', [{ $round: 10.5 }, { $round: 11.5 }, { $round: [19.25, 1] }], [10, 12, 19.2]],
  ['$round before the point', [{ $round: [1234, -2] }, { $round: [1250, -2] }, { $round: [4, -1] }], [1200, 1200, 0]],
  ['$round to places', [{ $round: [28.73, 1] }, { $round: [-45.39, 1] }], [28.7, -45.4]],
  ['$trunc cuts off', [{ $trunc: [19.25, 1] }, { $trunc: -45.39 }, { $trunc: [1999, -3] }], [19.2, -45, 1000]],
  ['$sum as an expression skips values that are not numbers', { $sum: ['$a', '$b', 1] }, 3, { a: 2, b: 'x' }],
  ['$sum of one array adds its elements', { $sum: '$a' }, 6, { a: [1, 2, 3, 'x'] }],
  ['$avg as an expression', [{ $avg: '$a' }, { $avg: '$x' }], [2, null], { a: [1, 3] }],
  ['$min as an expression', [{ $min: '$a' }, { $min: [3, '$x', 1] }], [1, 1], { a: [2, 1] }],
  ['$max as an expression', { $max: ['$a', 2] }, 5, { a: 5 }],

  ['$size counts', { $size: '$a' }, 2, { a: [1, [2, 3]] }],
  ['$in looks for the element', [{ $in: [2, '$a'] }, { $in: ['2', '$a'] }], [true, false], { a: [1, 2] }],
  ['$isArray', [{ $isArray: '$a' }, { $isArray: ['$b'] }], [true, false], { a: [] }],
  [
    '$arrayElemAt counts from either end',
    [{ $arrayElemAt: ['$a', 0] }, { $arrayElemAt: ['$a', -2] }],
    [1, 2],
    { a: [1, 2, 3] },
  ],
  ['$arrayElemAt beyond the end is missing', { $arrayElemAt: ['$a', 9] }, undefined, { a: [1] }],
  ['$first takes the first element', [{ $first: '$a' }, { $first: '$x' }], [1, null], { a: [1, 2] }],
  ['$first of an empty array is missing', { $first: '$a' }, undefined, { a: [] }],
  ['$last takes the last element', { $last: '$a' }, 2, { a: [1, 2] }],
  [
    '$slice takes from an end',
    [{ $slice: ['$a', 2] }, { $slice: ['$a', -2] }],
    [
      [1, 2],
      [2, 3],
    ],
    { a: [1, 2, 3] },
  ],
  [
    '$slice takes from a position',
    [{ $slice: ['$a', 1, 2] }, { $slice: ['$a', -2, 1] }, { $slice: ['$a', 9, 1] }, { $slice: ['$a', -9, 1] }],
    [[2, 3], [2], [], [1]],
    { a: [1, 2, 3] },
  ],
  [
    '$concatArrays joins',
    [{ $concatArrays: ['$a', [3]] }, { $concatArrays: ['$a', '$x'] }],
    [[1, 2, 3], null],
    { a: [1, 2] },
  ],
  ['$reverseArray', { $reverseArray: '$a' }, [[3], 2, 1], { a: [1, 2, [3]] }],
  [
    '$range counts up and down',
    [{ $range: [0, 10, 4] }, { $range: [3, 0, -1] }, { $range: [3, 0] }],
    [[0, 4, 8], [3, 2, 1], []],
  ],
  [
    '$indexOfArray',
    [{ $indexOfArray: ['$a', 2] }, { $indexOfArray: ['$a', 1, 1] }, { $indexOfArray: ['$a', 9] }],
    [1, 2, -1],
    { a: [1, 2, 1] },
  ],
  [
    '$filter keeps the elements for which the condition is true',
    { $filter: { input: '$a', as: 'n', cond: { $gt: ['$$n', 1] } } },
    [2, 3],
    { a: [1, 2, 3] },
  ],
  [
    '$filter calls the element this, and has a limit',
    { $filter: { input: '$a', cond: { $gt: ['$$this', 1] }, limit: 1 } },
    [2],
    { a: [1, 2, 3] },
  ],
  [
    '$map makes an element of each, null for missing',
    { $map: { input: '$a', as: 'x', in: '$$x.b' } },
    [1, null],
    { a: [{ b: 1 }, {}] },
  ],
  ['$map of null is null', { $map: { input: '$x', in: '$$this' } }, null],
  ['$reduce folds', { $reduce: { input: ['a', 'b'], initialValue: '', in: { $concat: ['$$value', '$$this'] } } }, 'ab'],
  [
    '$let binds variables, which do not see each other',
    { $let: { vars: { x: '$a', y: 2 }, in: { $add: ['$$x', '$$y'] } } },
    3,
    { a: 1 },
  ],
  [
    'bound variables nest',
    { $map: { input: [1], as: 'x', in: { $map: { input: [10], as: 'y', in: { $add: ['$$x', '$$y'] } } } } },
    [[11]],
  ],
  [
    '$setUnion',
    {
      $size: {
        $setUnion: [
          [1, 2],
          [2, 3],
        ],
      },
    },
    3,
  ],
  [
    '$setIntersection',
    {
      $setIntersection: [
        [1, 2, 2],
        [2, 3],
      ],
    },
    [2],
  ],
  ['$setDifference', { $setDifference: [[1, 2, 1], [2]] }, [1]],
  [
    '$setEquals ignores order and repetition',
    {
      $setEquals: [
        [1, 2, 1],
        [2, 1],
      ],
    },
    true,
  ],
  ['$setIsSubset', { $setIsSubset: [[1], [2, 1]] }, true],

  [
    '$mergeObjects: later fields win, in the place of the first',
    { $mergeObjects: ['$a', null, { b: 2, c: 3 }] },
    { b: 2, x: 0, c: 3 },
    { a: { b: 1, x: 0 } },
  ],
  [
    '$objectToArray',
    { $objectToArray: '$a' },
    [
      { k: 'x', v: 1 },
      { k: 'y', v: [2] },
    ],
    { a: { x: 1, y: [2] } },
  ],
  [
    '$arrayToObject takes pairs',
    {
      $arrayToObject: [
        [
          ['x', 1],
          ['y', 2],
        ],
      ],
    },
    { x: 1, y: 2 },
  ],
  [
    '$arrayToObject takes keys and values, the last of a key',
    { $arrayToObject: '$a' },
    { x: 2 },
    {
      a: [
        { k: 'x', v: 1 },
        { k: 'x', v: 2 },
      ],
    },
  ],

  ['$concat', [{ $concat: ['a', 'b'] }, { $concat: ['a', '$x'] }], ['ab', null]],
  [
    '$toLower of ASCII letters, numbers and null',
    [{ $toLower: 'ABC' }, { $toLower: 12 }, { $toLower: null }],
    ['abc', '12', ''],
  ],
  ['$toUpper', { $toUpper: 'abc' }, 'ABC'],
  [
    '$substrCP counts code points',
    [{ $substrCP: ['a😀bc', 1, 2] }, { $substrCP: ['abc', 9, 1] }, { $substrCP: [null, 0, 1] }],
    ['😀b', '', ''],
  ],
  ['$strLenCP counts code points', { $strLenCP: 'a😀' }, 2],
  [
    '$split',
    [{ $split: ['a-b-c', '-'] }, { $split: ['abc', '-'] }, { $split: ['$x', '-'] }],
    [['a', 'b', 'c'], ['abc'], null],
  ],
  ['$trim takes whitespace', { $trim: { input: ' \n x y\t' } }, 'x y'],
  ['$trim takes the characters given', { $trim: { input: 'ggggoodbyeeeee', chars: 'ge' } }, 'oodby'],
  ['$ltrim', { $ltrim: { input: ' x ' } }, 'x '],
  ['$rtrim', { $rtrim: { input: ' x ' } }, ' x'],
  [
    '$indexOfCP',
    [{ $indexOfCP: ['a😀b', 'b'] }, { $indexOfCP: ['abab', 'b', 2] }, { $indexOfCP: ['ab', 'b', 0, 1] }],
    [2, 3, -1],
  ],
  ['$strcasecmp', [{ $strcasecmp: ['abc', 'ABC'] }, { $strcasecmp: ['a', 'b'] }], [0, -1]],
  [
    '$regexMatch',
    [{ $regexMatch: { input: 'Hello', regex: /^h/i } }, { $regexMatch: { input: 'x', regex: 'Y', options: 'i' } }],
    [true, false],
  ],
  ['$regexMatch of null is false', { $regexMatch: { input: '$x', regex: 'a' } }, false],
  ['$replaceOne', { $replaceOne: { input: 'a.a', find: 'a', replacement: { $literal: '$&' } } }, '$&.a'],
  [
    '$indexOfCP begins before the end, and finds no empty text at the end',
    [{ $indexOfCP: ['abc', 'bc', 0, 2] }, { $indexOfCP: ['ab', '', 2] }, { $indexOfCP: ['', ''] }],
    [1, -1, 0],
  ],
  [
    '$mergeObjects of one array merges its elements',
    { $mergeObjects: '$a' },
    { x: 1, y: 3 },
    { a: [{ x: 1, y: 2 }, null, { y: 3 }] },
  ],
  [
    '$multiply and $mod keep the sign of zero of a fraction',
    [{ $multiply: ['$a', 0] }, { $mod: ['$a', 0.5] }, { $multiply: [-1, 0] }],
    [-0, -0, 0],
    { a: -0.5 },
  ],
  ['$replaceAll', { $replaceAll: { input: 'a.a', find: 'a', replacement: 'b' } }, 'b.b'],

  [
    '$toInt cuts off and parses',
    [{ $toInt: 1.9 }, { $toInt: '-2' }, { $toInt: true }, { $toInt: null }],
    [1, -2, 1, null],
  ],
  ['$toLong of a date is milliseconds', { $toLong: at('1970-01-01T00:00:01Z') }, 1000],
  ['$toDouble', [{ $toDouble: '2.5' }, { $toDouble: '1e3' }], [2.5, 1000]],
  [
    '$toString',
    [{ $toString: 2.5 }, { $toString: true }, { $toString: at('2026-01-02T03:04:05.006Z') }, { $toString: id }],
    ['2.5', 'true', '2026-01-02T03:04:05.006Z', '507f1f77bcf86cd799439011'],
  ],
  [
    '$toDate',
    [{ $toDate: '2026-03-03' }, { $toDate: '2026-03-03T01:00:00+01:00' }, { $toDate: id }],
    [at('2026-03-03T00:00:00Z'), at('2026-03-03T00:00:00Z'), at('2012-10-17T21:13:27Z')],
  ],
  ['$toObjectId', { $toObjectId: '507f1f77bcf86cd799439011' }, id],
  ['$toBool', [{ $toBool: 'false' }, { $toBool: 0 }, { $toBool: null }], [true, false, null]],
  [
    '$convert has onError and onNull',
    [
      { $convert: { input: 'x', to: 'int', onError: 'bad' } },
      { $convert: { input: '$x', to: 'int', onNull: 0 } },
      { $convert: { input: '5', to: 16 } },
    ],
    ['bad', 0, 5],
  ],
  [
    '$type names types, missing too',
    [{ $type: '$a' }, { $type: [[1]] }, { $type: '$x' }],
    ['string', 'array', 'missing'],
    { a: 'x' },
  ],
  ['$isNumber', [{ $isNumber: 1.5 }, { $isNumber: '1' }], [true, false]],
]
