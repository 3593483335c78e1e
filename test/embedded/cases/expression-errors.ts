// biome-ignore-all lint/suspicious/noThenProperty: "then" is the name of an argument of $cond and $switch
// Expressions that MongoDB refuses, with its code.
import type { AnyDocument } from '../support.ts'

export const expressionErrors: [sentence: string, expression: AnyDocument, code: number][] = [
  ['an operator that MongoDB does not know', { $foo: 1 }, 168],
  ['two operators at once', { $add: [1], $subtract: [1, 2] }, 15983],
  ['an undefined variable', '$$nope', 17276],
  ['too many arguments', { $eq: [1, 2, 3] }, 16020],
  ['$add of a string', { $add: ['$s', 1] }, 14],
  ['$add of a string before null', { $add: ['$s', null] }, 14],
  ['$multiply of a string before null', { $multiply: ['$s', null] }, 14],
  ['$concatArrays of a number before null', { $concatArrays: ['$n', null] }, 28664],
  ['$range with a missing step', { $range: [0, 3, '$missing'] }, 34447],
  ['$divide by zero', { $divide: ['$n', 0] }, 2],
  ['$mod by zero', { $mod: ['$n', 0] }, 16610],
  ['$concat of a number', { $concat: ['$n'] }, 16702],
  ['$size of a value that is not an array', { $size: '$n' }, 17124],
  ['$in no array', { $in: [1, '$n'] }, 40081],
  ['$arrayElemAt of a value that is not an array', { $arrayElemAt: ['$n', 0] }, 28689],
  ['$slice of nothing', { $slice: ['$a', 0, 0] }, 28729],
  ['$range without a step', { $range: [0, 1, 0] }, 34449],
  ['$filter of a value that is not an array', { $filter: { input: '$n', cond: true } }, 28651],
  ['$filter without a condition', { $filter: { input: [] } }, 28650],
  ['$map without a body', { $map: { input: [] } }, 16882],
  ['$switch without a branch', { $switch: { branches: [] } }, 40068],
  ['$switch without a true branch or a default', { $switch: { branches: [{ case: '$x', then: 1 }] } }, 40066],
  ['$mergeObjects of a number', { $mergeObjects: ['$n'] }, 40400],
  ['$arrayToObject of odd pairs', { $arrayToObject: '$a' }, 40391],
  ['$split by nothing', { $split: ['$s', ''] }, 40087],
  ['$strLenCP of null', { $strLenCP: '$x' }, 34471],
  ['$toInt of a word', { $toInt: '$s' }, 241],
  ['$toInt beyond 32 bits', { $toInt: { $multiply: ['$n', 3_000_000_000] } }, 241],
  ['$toString of an array', { $toString: '$a' }, 241],
  ['$year of a string', { $year: '$s' }, 16006],
  ['an unknown time zone', { $year: { date: '$d', timezone: 'Nowhere/City' } }, 40485],
  ['an unknown unit', { $dateTrunc: { date: '$d', unit: 'aeon' } }, 9],
  ['a fraction of a day', { $dateAdd: { startDate: '$d', unit: 'day', amount: 1.5 } }, 5166405],
  ['an unknown format', { $dateToString: { date: '$d', format: '%q' } }, 18536],
  ['a variable with a bad name', { $let: { vars: { Big: 1 }, in: 1 } }, 16867],
]

/** Expressions that MongoDB knows and this server refuses. */
export const expressionRefusals: [sentence: string, expression: AnyDocument][] = [
  ['an expression that is not supported', { $zip: { inputs: [[1]] } }],
  ['the type of a number', { $type: '$n' }],
  ['an integer beyond 2^53', { $multiply: ['$n', 9_007_199_254_740_991] }],
  ['a date from a number that may be a 32-bit integer', { $toDate: '$n' }],
  ['a rounding that depends on the binary form', { $round: [2.675, 2] }],
  ['$toBool of an array', { $toBool: '$a' }],
  ['$replaceAll of an empty string', { $replaceAll: { input: '$s', find: '', replacement: 'y' } }],
  ['$dateFromParts by ISO weeks', { $dateFromParts: { isoWeekYear: 2024 } }],
  ['a variable that is not supported', '$$CLUSTER_TIME'],
]
