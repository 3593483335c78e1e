// Cases of the commands that read, and of their cursors.
import { batch, type CommandCase, done, idOnly, ids, known, numbers } from './command-steps.ts'

export const reads: CommandCase[] = [
  [
    'aggregate runs a pipeline',
    numbers,
    [{ aggregate: 'c', pipeline: [{ $match: { a: 1 } }], cursor: {} }, batch({ _id: 1, a: 1 })],
  ],
  ['aggregate needs a cursor', [{ aggregate: 'c', pipeline: [] }, 9]],
  ['aggregate needs a list of stages', [{ aggregate: 'c', pipeline: 1, cursor: {} }, 14]],
  [
    'aggregate gives as many documents as the batch of its cursor holds',
    numbers,
    [{ aggregate: 'c', pipeline: [{ $project: { a: 0 } }], cursor: { batchSize: 2 } }, ids(1, 2)],
    [{ getMore: known.cursor, collection: 'c' }, { cursor: { id: 0, nextBatch: [{ _id: 3 }] } }],
  ],
  [
    'aggregate accepts allowDiskUse',
    numbers,
    [{ aggregate: 'c', pipeline: [{ $count: 'n' }], cursor: {}, allowDiskUse: true }, batch({ n: 3 })],
  ],

  ['count counts everything', numbers, [{ count: 'c' }, { n: 3 }]],
  ['count counts what its query finds', numbers, [{ count: 'c', query: { a: 2 } }, { n: 2 }]],
  ['count leaves out what it skips', numbers, [{ count: 'c', skip: 2 }, { n: 1 }], [{ count: 'c', skip: 5 }, { n: 0 }]],
  [
    'count stops at its limit, and 0 means no limit',
    numbers,
    [{ count: 'c', limit: 2 }, { n: 2 }],
    [{ count: 'c', limit: 0 }, { n: 3 }],
  ],

  ['distinct gives each value of its key once', numbers, [{ distinct: 'c', key: 'a' }, { values: [1, 2] }]],
  [
    'distinct gives the values of what its query finds',
    numbers,
    [{ distinct: 'c', key: 'a', query: { _id: { $gt: 1 } } }, { values: [2] }],
  ],

  ['find finds nothing where there is no collection', [{ find: 'c' }, { cursor: { id: 0, firstBatch: [] } }]],
  ['find finds what its filter matches', numbers, [{ find: 'c', filter: { a: 1 } }, batch({ _id: 1, a: 1 })]],
  ['find sorts', numbers, [{ find: 'c', sort: { _id: -1 }, ...idOnly }, ids(3, 2, 1)]],
  ['find projects', numbers, [{ find: 'c', filter: { _id: 1 }, projection: { _id: 0, a: 1 } }, batch({ a: 1 })]],
  ['find leaves out what it skips', numbers, [{ find: 'c', sort: { _id: 1 }, skip: 1, ...idOnly }, ids(2, 3)]],
  ['find refuses a negative skip', [{ find: 'c', skip: -1 }, 51024]],
  [
    'find stops at its limit, and 0 means no limit',
    numbers,
    [{ find: 'c', limit: 1, ...idOnly }, ids(1)],
    [{ find: 'c', limit: 0, ...idOnly }, ids(1, 2, 3)],
  ],
  [
    'find gives as many documents as its batch holds',
    numbers,
    [{ find: 'c', batchSize: 2, ...idOnly }, ids(1, 2)],
    [{ getMore: known.cursor, collection: 'c' }, { cursor: { id: 0, nextBatch: [{ _id: 3 }] } }],
  ],
  [
    'find closes the cursor after a single batch',
    numbers,
    [
      { find: 'c', batchSize: 2, singleBatch: true, ...idOnly },
      { cursor: { id: 0, firstBatch: [{ _id: 1 }, { _id: 2 }] } },
    ],
  ],
  [
    'find accepts allowDiskUse',
    numbers,
    [{ find: 'c', sort: { _id: -1 }, limit: 1, allowDiskUse: true, ...idOnly }, ids(3)],
  ],
  ['find accepts allowPartialResults', numbers, [{ find: 'c', allowPartialResults: true, ...idOnly }, ids(1, 2, 3)]],
  [
    'find accepts false for the options of lasting cursors',
    numbers,
    [{ find: 'c', noCursorTimeout: false, tailable: false, awaitData: false, ...idOnly }, ids(1, 2, 3)],
  ],

  [
    'getMore continues in batches of its own size',
    numbers,
    [{ find: 'c', batchSize: 0, ...idOnly }, ids()],
    [
      { getMore: known.cursor, collection: 'c', batchSize: 1 },
      { cursor: { id: known.cursor, nextBatch: [{ _id: 1 }] } },
    ],
    [{ getMore: known.cursor, collection: 'c', batchSize: 2 }, { cursor: { nextBatch: [{ _id: 2 }, { _id: 3 }] } }],
  ],
  [
    'getMore must name the collection of the cursor',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [{ getMore: known.cursor, collection: 'd' }, 13],
  ],
  [
    'getMore does not wait, so it refuses maxTimeMS',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [{ getMore: known.cursor, collection: 'c', maxTimeMS: 1000 }, 2],
  ],
  [
    'killCursors closes cursors, and lists the unknown ones',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [
      { killCursors: 'c', cursors: [known.cursor] },
      { cursorsKilled: [known.cursor], cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [] },
    ],
    [
      { killCursors: 'c', cursors: [known.cursor] },
      { cursorsKilled: [], cursorsNotFound: [known.cursor] },
    ],
    [{ getMore: known.cursor, collection: 'c' }, 43],
  ],
]
