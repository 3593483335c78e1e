// Cases of the commands that define databases, collections and indexes.
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
    'create creates a collection, and a second time does nothing',
    [{ create: 'c' }, done],
    [{ create: 'c' }, done],
    [{ listCollections: 1, nameOnly: true }, batch({ name: 'c', type: 'collection' })],
  ],
  ['drop drops a collection', numbers, [{ drop: 'c' }, { nIndexesWas: 1, ns: `${known.database}.c` }], left()],
  ['drop of a missing collection succeeds', [{ drop: 'c' }, { ok: 1, ns: undefined }]],
  [
    'dropDatabase drops all collections',
    numbers,
    [{ dropDatabase: 1 }, { dropped: known.database }],
    [{ listCollections: 1 }, batch()],
  ],
  [
    'createIndexes creates indexes, and the collection',
    [
      { createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a_1' }] },
      { numIndexesBefore: 1, numIndexesAfter: 2, createdCollectionAutomatically: true },
    ],
    [{ listIndexes: 'c' }, batch(idIndex, aIndex)],
  ],
  [
    'createIndexes does nothing for an index that exists',
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
    'dropIndexes drops all indexes except that of _id',
    [{ create: 'c' }, done],
    indexed,
    [{ dropIndexes: 'c', index: '*' }, { nIndexesWas: 2 }],
    [{ listIndexes: 'c' }, batch(idIndex)],
  ],
  ['dropIndexes cannot drop the index of _id', [{ create: 'c' }, done], [{ dropIndexes: 'c', index: '_id_' }, 72]],
  ['dropIndexes needs an existing index', [{ create: 'c' }, done], [{ dropIndexes: 'c', index: 'a_1' }, 27]],
  ['listIndexes needs an existing collection', [{ listIndexes: 'c' }, 26]],
  [
    'listIndexes gives as many as the batch of its cursor holds',
    [{ create: 'c' }, done],
    indexed,
    [{ listIndexes: 'c', cursor: { batchSize: 1 } }, batch(idIndex)],
    [{ getMore: known.cursor, collection: 'c' }, { cursor: { id: 0, nextBatch: [aIndex] } }],
  ],
  [
    'listCollections describes each collection',
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
    'listCollections with authorizedCollections lists all, because there are no users',
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
    'listDatabases can give names only',
    [{ create: 'c' }, done],
    [
      { listDatabases: 1, nameOnly: true, filter: { name: known.database } },
      { databases: [{ name: known.database }], totalSize: undefined },
      admin,
    ],
  ],
  [
    'listDatabases with authorizedDatabases lists all, because there are no users',
    [{ create: 'c' }, done],
    [
      { listDatabases: 1, nameOnly: true, authorizedDatabases: true, filter: { name: known.database } },
      { databases: [{ name: known.database }] },
      admin,
    ],
  ],
  ['listDatabases runs on admin only', [{ listDatabases: 1 }, 13]],
]
