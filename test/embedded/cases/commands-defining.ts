// Commands on databases, collections and indexes as a whole.
import { expect } from '@jest/globals'
import {
  admin,
  aIndex,
  batch,
  type CommandCase,
  done,
  idIndex,
  indexed,
  known,
  left,
  numbers,
} from './command-steps.ts'

export const definitions: CommandCase[] = [
  [
    'create makes a collection, and again does nothing',
    [{ create: 'c' }, done],
    [{ create: 'c' }, done],
    [{ listCollections: 1, nameOnly: true }, batch({ name: 'c', type: 'collection' })],
  ],
  ['drop drops a collection', numbers, [{ drop: 'c' }, { nIndexesWas: 1, ns: `${known.database}.c` }], left()],
  ['drop of what is not there succeeds', [{ drop: 'c' }, { ok: 1, ns: undefined }]],
  [
    'dropDatabase drops all collections',
    numbers,
    [{ dropDatabase: 1 }, { dropped: known.database }],
    [{ listCollections: 1 }, batch()],
  ],
  [
    'createIndexes makes indexes, and the collection',
    [
      { createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a_1' }] },
      { numIndexesBefore: 1, numIndexesAfter: 2, createdCollectionAutomatically: true },
    ],
    [{ listIndexes: 'c' }, batch(idIndex, aIndex)],
  ],
  [
    'createIndexes makes no index again',
    [{ create: 'c' }, done],
    indexed,
    [
      { createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a_1' }] },
      { numIndexesBefore: 2, numIndexesAfter: 2, note: 'all indexes already exist' },
    ],
  ],
  [
    'dropIndexes drops an index by its name',
    [{ create: 'c' }, done],
    indexed,
    [{ dropIndexes: 'c', index: 'a_1' }, { nIndexesWas: 2 }],
    [{ listIndexes: 'c' }, batch(idIndex)],
  ],
  [
    'dropIndexes drops an index by its key',
    [{ create: 'c' }, done],
    indexed,
    [{ dropIndexes: 'c', index: { a: 1 } }, { nIndexesWas: 2 }],
    [{ listIndexes: 'c' }, batch(idIndex)],
  ],
  [
    'dropIndexes drops all but that of _id',
    [{ create: 'c' }, done],
    indexed,
    [{ dropIndexes: 'c', index: '*' }, { nIndexesWas: 2 }],
    [{ listIndexes: 'c' }, batch(idIndex)],
  ],
  ['dropIndexes keeps that of _id', [{ create: 'c' }, done], [{ dropIndexes: 'c', index: '_id_' }, 72]],
  ['dropIndexes wants an index that is there', [{ create: 'c' }, done], [{ dropIndexes: 'c', index: 'a_1' }, 27]],
  ['listIndexes wants a collection that is there', [{ listIndexes: 'c' }, 26]],
  [
    'listIndexes gives as many as the batch of its cursor holds',
    [{ create: 'c' }, done],
    indexed,
    [{ listIndexes: 'c', cursor: { batchSize: 1 } }, batch(idIndex)],
    [{ getMore: known.cursor, collection: 'c' }, { cursor: { id: 0, nextBatch: [aIndex] } }],
  ],
  [
    'listCollections tells what each collection is',
    [{ create: 'c' }, done],
    [
      { listCollections: 1 },
      batch({
        name: 'c',
        type: 'collection',
        options: {},
        info: { readOnly: false, uuid: expect.anything() },
        idIndex,
      }),
    ],
  ],
  [
    'listCollections lists what its filter matches',
    [{ create: 'c' }, done],
    [{ create: 'd' }, done],
    [{ listCollections: 1, filter: { name: 'd' }, nameOnly: true }, batch({ name: 'd', type: 'collection' })],
  ],
  [
    'listCollections lists what one may use, without users all',
    [{ create: 'c' }, done],
    [{ listCollections: 1, nameOnly: true, authorizedCollections: true }, batch({ name: 'c', type: 'collection' })],
  ],
  [
    'listCollections gives as many as the batch of its cursor holds',
    [{ create: 'c' }, done],
    [{ create: 'd' }, done],
    [{ listCollections: 1, cursor: { batchSize: 1 } }, batch(expect.anything())],
    [
      { getMore: known.cursor, collection: '$cmd.listCollections' },
      { cursor: { id: 0, nextBatch: [expect.anything()] } },
    ],
  ],
  [
    'listCollections can be closed before its end',
    [{ create: 'c' }, done],
    [{ create: 'd' }, done],
    [{ listCollections: 1, cursor: { batchSize: 1 } }, batch(expect.anything())],
    [{ killCursors: '$cmd.listCollections', cursors: [known.cursor] }, { cursorsKilled: [known.cursor] }],
  ],
  [
    'listDatabases lists what its filter matches',
    [{ create: 'c' }, done],
    [
      { listDatabases: 1, filter: { name: known.database } },
      {
        databases: [{ name: known.database, sizeOnDisk: expect.any(Number), empty: false }],
        totalSize: expect.any(Number),
      },
      admin,
    ],
  ],
  [
    'listDatabases may give names alone',
    [{ create: 'c' }, done],
    [
      { listDatabases: 1, nameOnly: true, filter: { name: known.database } },
      { databases: [{ name: known.database }], totalSize: undefined },
      admin,
    ],
  ],
  [
    'listDatabases lists what one may use, without users all',
    [{ create: 'c' }, done],
    [
      { listDatabases: 1, nameOnly: true, authorizedDatabases: true, filter: { name: known.database } },
      { databases: [{ name: known.database }] },
      admin,
    ],
  ],
  ['listDatabases belongs to admin', [{ listDatabases: 1 }, 13]],
]
