// What commands answer, by MongoDB's documentation: a sentence, then the commands that are sent one after the other in
// a database and a session of the case's own, each with what its reply holds, or with the code of its refusal. Of a
// reply only the fields named here are looked at; those have to be equal.
import { expect } from '@jest/globals'
import { Timestamp } from 'mongodb'
import type { AnyDocument } from '../support.ts'

export type CommandStep = [command: AnyDocument, answer: AnyDocument | number, more?: StepOptions]

export interface StepOptions {
  /** The database, where it is not that of the case (the driver sends it as `$db`). */
  on?: string
  /** In another session than the case's (the driver sends it as `lsid`). */
  otherSession?: true
  /** The driver sends it as `$readPreference`, for a single server only if it is not 'primary'. */
  readPreference?: 'secondaryPreferred' | 'nearest'
}

export type CommandCase = [sentence: string, ...steps: CommandStep[]]

/** What stands for a value that is known only when the case runs. */
export const known = {
  cursor: '<the id of the last cursor>',
  database: '<the name of the database>',
  session: '<the id of the session>',
  number: '<a number that the session has not used>',
}

/** Names that mean the same command. */
const aliases: Record<string, string> = {
  buildInfo: 'buildinfo',
  findAndModify: 'findandmodify',
  isMaster: 'ismaster',
}

const done = { ok: 1 }
const admin: StepOptions = { on: 'admin' }
const otherSession: StepOptions = { otherSession: true }

const filled = (...documents: AnyDocument[]): CommandStep => [{ insert: 'c', documents }, { n: documents.length }]
const numbers = filled({ _id: 1, a: 1 }, { _id: 2, a: 2 }, { _id: 3, a: 2 })
const batch = (...firstBatch: AnyDocument[]) => ({ cursor: { firstBatch } })
const left = (...documents: AnyDocument[]): CommandStep => [{ find: 'c', sort: { _id: 1 } }, batch(...documents)]
const ids = (...list: number[]) => batch(...list.map((_id) => ({ _id })))
const idOnly = { projection: { _id: 1 } }
const duplicate = (index: number) => expect.objectContaining({ index, code: 11000 })
const idIndex = { v: 2, key: { _id: 1 }, name: '_id_' }
const aIndex = { v: 2, key: { a: 1 }, name: 'a_1' }
const indexed: CommandStep = [
  { createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a_1' }] },
  { numIndexesBefore: 1, numIndexesAfter: 2 },
]
const inside = { txnNumber: known.number, autocommit: false }
const first = { ...inside, startTransaction: true }
const commit: CommandStep = [{ commitTransaction: 1, ...inside }, done, admin]
const abort: CommandStep = [{ abortTransaction: 1, ...inside }, done, admin]

const reads: CommandCase[] = [
  [
    'aggregate runs a pipeline',
    numbers,
    [{ aggregate: 'c', pipeline: [{ $match: { a: 1 } }], cursor: {} }, batch({ _id: 1, a: 1 })],
  ],
  ['aggregate wants a cursor', [{ aggregate: 'c', pipeline: [] }, 9]],
  ['aggregate wants a list of stages', [{ aggregate: 'c', pipeline: 1, cursor: {} }, 14]],
  [
    'aggregate gives as many documents as the batch of its cursor holds',
    numbers,
    [{ aggregate: 'c', pipeline: [{ $project: { a: 0 } }], cursor: { batchSize: 2 } }, ids(1, 2)],
    [{ getMore: known.cursor, collection: 'c' }, { cursor: { id: 0, nextBatch: [{ _id: 3 }] } }],
  ],
  [
    'aggregate may use the disk',
    numbers,
    [{ aggregate: 'c', pipeline: [{ $count: 'n' }], cursor: {}, allowDiskUse: true }, batch({ n: 3 })],
  ],

  ['count counts everything', numbers, [{ count: 'c' }, { n: 3 }]],
  ['count counts what its query finds', numbers, [{ count: 'c', query: { a: 2 } }, { n: 2 }]],
  ['count leaves out what it skips', numbers, [{ count: 'c', skip: 2 }, { n: 1 }], [{ count: 'c', skip: 5 }, { n: 0 }]],
  [
    'count stops at its limit, and 0 is none',
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
  ['find cannot skip less than nothing', [{ find: 'c', skip: -1 }, 51024]],
  [
    'find stops at its limit, and 0 is none',
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
    'find may use the disk',
    numbers,
    [{ find: 'c', sort: { _id: -1 }, limit: 1, allowDiskUse: true, ...idOnly }, ids(3)],
  ],
  [
    'find may be content with what it can reach',
    numbers,
    [{ find: 'c', allowPartialResults: true, ...idOnly }, ids(1, 2, 3)],
  ],
  [
    'find may say that its cursor is none of the lasting kinds',
    numbers,
    [{ find: 'c', noCursorTimeout: false, tailable: false, awaitData: false, ...idOnly }, ids(1, 2, 3)],
  ],

  [
    'getMore goes on in batches of its own size',
    numbers,
    [{ find: 'c', batchSize: 0, ...idOnly }, ids()],
    [
      { getMore: known.cursor, collection: 'c', batchSize: 1 },
      { cursor: { id: known.cursor, nextBatch: [{ _id: 1 }] } },
    ],
    [{ getMore: known.cursor, collection: 'c', batchSize: 2 }, { cursor: { nextBatch: [{ _id: 2 }, { _id: 3 }] } }],
  ],
  [
    'getMore goes on in the collection of the cursor alone',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [{ getMore: known.cursor, collection: 'd' }, 13],
  ],
  [
    'getMore waits for nothing, so it takes no maxTimeMS',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [{ getMore: known.cursor, collection: 'c', maxTimeMS: 1000 }, 2],
  ],
  [
    'killCursors closes cursors, and says which were none',
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

const writes: CommandCase[] = [
  [
    'insert inserts documents',
    [
      { insert: 'c', documents: [{ _id: 1 }, { _id: 2 }] },
      { n: 2, writeErrors: undefined },
    ],
    left({ _id: 1 }, { _id: 2 }),
  ],
  ['insert wants at least one document', [{ insert: 'c', documents: [] }, 16]],
  ['insert wants documents', [{ insert: 'c', documents: [{ _id: 1 }, 2] }, 14], left()],
  [
    'insert in order stops at an error',
    [
      { insert: 'c', ordered: true, documents: [{ _id: 1 }, { _id: 1 }, { _id: 2 }] },
      { n: 1, writeErrors: [duplicate(1)] },
    ],
    left({ _id: 1 }),
  ],
  [
    'insert without order goes on after an error',
    [
      { insert: 'c', ordered: false, documents: [{ _id: 1 }, { _id: 1 }, { _id: 2 }] },
      { n: 2, writeErrors: [duplicate(1)] },
    ],
    left({ _id: 1 }, { _id: 2 }),
  ],
  [
    'insert may bypass validation',
    [{ insert: 'c', documents: [{ _id: 1 }], bypassDocumentValidation: true }, { n: 1 }],
  ],

  [
    'update changes the first document that q finds, by u',
    numbers,
    [
      { update: 'c', updates: [{ q: { _id: 2 }, u: { $set: { a: 9 } } }] },
      { n: 1, nModified: 1, upserted: undefined },
    ],
    left({ _id: 1, a: 1 }, { _id: 2, a: 9 }, { _id: 3, a: 2 }),
  ],
  [
    'update with multi changes all',
    numbers,
    [
      { update: 'c', updates: [{ q: {}, u: { $set: { a: 2 } }, multi: true }] },
      { n: 3, nModified: 1 },
    ],
  ],
  [
    'update with upsert inserts where it finds nothing',
    [
      { update: 'c', updates: [{ q: { _id: 9 }, u: { $set: { a: 1 } }, upsert: true }] },
      { n: 1, nModified: 0, upserted: [{ index: 0, _id: 9 }] },
    ],
    left({ _id: 9, a: 1 }),
  ],
  [
    'update with arrayFilters changes the elements they match',
    filled({ _id: 1, a: [1, 5] }),
    [
      { update: 'c', updates: [{ q: {}, u: { $set: { 'a.$[x]': 0 } }, arrayFilters: [{ x: { $gt: 1 } }] }] },
      { nModified: 1 },
    ],
    left({ _id: 1, a: [1, 0] }),
  ],
  [
    'update in order stops at an error',
    filled({ _id: 1, a: 'x' }),
    [
      {
        update: 'c',
        ordered: true,
        updates: [
          { q: {}, u: { $inc: { a: 1 } } },
          { q: {}, u: { $set: { a: 1 } } },
        ],
      },
      { n: 0, nModified: 0, writeErrors: [expect.objectContaining({ index: 0, code: 14 })] },
    ],
    left({ _id: 1, a: 'x' }),
  ],
  [
    'update without order goes on after an error',
    filled({ _id: 1, a: 'x' }),
    [
      {
        update: 'c',
        ordered: false,
        updates: [
          { q: {}, u: { $inc: { a: 1 } } },
          { q: {}, u: { $set: { a: 1 } } },
        ],
      },
      { n: 1, nModified: 1, writeErrors: [expect.objectContaining({ index: 0, code: 14 })] },
    ],
    left({ _id: 1, a: 1 }),
  ],
  [
    'update may bypass validation',
    filled({ _id: 1 }),
    [{ update: 'c', updates: [{ q: {}, u: { a: 1 } }], bypassDocumentValidation: true }, { nModified: 1 }],
  ],
  [
    'update does nothing if a statement lacks its q',
    filled({ _id: 1 }),
    [{ update: 'c', updates: [{ q: {}, u: { a: 1 } }, { u: {} }] }, 40414],
    left({ _id: 1 }),
  ],

  [
    'delete with the limit 0 takes all that q finds',
    numbers,
    [{ delete: 'c', deletes: [{ q: { a: 2 }, limit: 0 }] }, { n: 2 }],
    left({ _id: 1, a: 1 }),
  ],
  [
    'delete with the limit 1 takes the first',
    numbers,
    [{ delete: 'c', deletes: [{ q: {}, limit: 1 }] }, { n: 1 }],
    [{ count: 'c' }, { n: 2 }],
  ],
  [
    'delete does nothing if a statement has another limit',
    numbers,
    [
      {
        delete: 'c',
        deletes: [
          { q: {}, limit: 0 },
          { q: {}, limit: 2 },
        ],
      },
      9,
    ],
    [{ count: 'c' }, { n: 3 }],
  ],
  [
    'delete in order stops at an error',
    numbers,
    [
      {
        delete: 'c',
        ordered: true,
        deletes: [
          { q: { $foo: 1 }, limit: 1 },
          { q: {}, limit: 1 },
        ],
      },
      { n: 0, writeErrors: [expect.objectContaining({ index: 0, code: 2 })] },
    ],
  ],
  [
    'delete without order goes on after an error',
    numbers,
    [
      {
        delete: 'c',
        ordered: false,
        deletes: [
          { q: { $foo: 1 }, limit: 1 },
          { q: {}, limit: 1 },
        ],
      },
      { n: 1, writeErrors: [expect.objectContaining({ index: 0, code: 2 })] },
    ],
  ],

  [
    'findAndModify updates what its query finds, and gives it as it was',
    numbers,
    [
      { findAndModify: 'c', query: { _id: 2 }, update: { $set: { a: 9 } } },
      { value: { _id: 2, a: 2 }, lastErrorObject: { n: 1, updatedExisting: true } },
    ],
  ],
  [
    'findAndModify gives null if it finds nothing',
    [
      { findAndModify: 'c', query: { _id: 2 }, update: { a: 9 } },
      { value: null, lastErrorObject: { n: 0, updatedExisting: false } },
    ],
  ],
  [
    'findAndModify takes the first by its sort',
    numbers,
    [{ findAndModify: 'c', sort: { _id: -1 }, update: { $set: { b: 1 } } }, { value: { _id: 3, a: 2 } }],
  ],
  [
    'findAndModify gives the fields that are asked for',
    numbers,
    [{ findAndModify: 'c', query: { _id: 1 }, fields: { _id: 0 }, update: { $set: { b: 1 } } }, { value: { a: 1 } }],
  ],
  [
    'findAndModify with new gives the document as it has become',
    numbers,
    [
      { findAndModify: 'c', query: { _id: 1 }, new: true, update: { $set: { b: 1 } } },
      { value: { _id: 1, a: 1, b: 1 } },
    ],
  ],
  [
    'findAndModify with remove deletes',
    numbers,
    [
      { findAndModify: 'c', query: { _id: 1 }, remove: true },
      { value: { _id: 1, a: 1 }, lastErrorObject: { n: 1 } },
    ],
    [{ count: 'c' }, { n: 2 }],
  ],
  [
    'findAndModify with upsert inserts where it finds nothing',
    [
      { findAndModify: 'c', query: { _id: 9 }, upsert: true, update: { $set: { a: 1 } } },
      { value: null, lastErrorObject: { n: 1, updatedExisting: false, upserted: 9 } },
    ],
    left({ _id: 9, a: 1 }),
  ],
  [
    'findAndModify with arrayFilters changes the elements they match',
    filled({ _id: 1, a: [1, 5] }),
    [
      { findAndModify: 'c', new: true, update: { $set: { 'a.$[x]': 0 } }, arrayFilters: [{ x: { $gt: 1 } }] },
      { value: { _id: 1, a: [1, 0] } },
    ],
  ],
  [
    'findAndModify may bypass validation',
    filled({ _id: 1 }),
    [{ findAndModify: 'c', update: { a: 1 }, bypassDocumentValidation: true }, { value: { _id: 1 } }],
  ],
  ['findAndModify wants either an update or remove', [{ findAndModify: 'c', query: {} }, 9]],
]

const definitions: CommandCase[] = [
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

const helloOptions = { helloOk: true, compression: [], backpressure: '2' }

const aboutTheServer: CommandCase[] = [
  ['ping is answered', [{ ping: 1 }, done]],
  [
    'buildInfo tells the version',
    [{ buildInfo: 1 }, { version: expect.stringMatching(/^\d+\.\d+\.\d+/), bits: 64, maxBsonObjectSize: 16_777_216 }],
  ],
  [
    'hello says that the server takes writes',
    [
      { hello: 1 },
      {
        isWritablePrimary: true,
        ismaster: undefined,
        setName: expect.any(String),
        maxBsonObjectSize: 16_777_216,
        logicalSessionTimeoutMinutes: 30,
        readOnly: false,
      },
    ],
  ],
  [
    'hello takes what a driver adds',
    [
      { hello: 1, ...helloOptions },
      { isWritablePrimary: true, helloOk: true },
    ],
  ],
  [
    'isMaster says so under its old name',
    [{ isMaster: 1 }, { ismaster: true, isWritablePrimary: undefined, setName: expect.any(String) }],
  ],
  [
    'isMaster takes what a driver adds',
    [
      { isMaster: 1, ...helloOptions },
      { ismaster: true, helloOk: true },
    ],
  ],
  [
    'hostInfo tells about the machine',
    [
      { hostInfo: 1 },
      {
        system: expect.objectContaining({ numCores: expect.any(Number), cpuAddrSize: 64 }),
        os: expect.objectContaining({ type: expect.any(String) }),
      },
      admin,
    ],
  ],
  [
    'connectionStatus names the users, who are none',
    [
      { connectionStatus: 1 },
      { authInfo: expect.objectContaining({ authenticatedUsers: [], authenticatedUserRoles: [] }) },
    ],
  ],
  [
    'connectionStatus tells their privileges if asked',
    [
      { connectionStatus: 1, showPrivileges: true },
      { authInfo: expect.objectContaining({ authenticatedUserPrivileges: [] }) },
    ],
  ],
  [
    'getParameter gives the version that the data is compatible with',
    [
      { getParameter: 1, featureCompatibilityVersion: 1 },
      { featureCompatibilityVersion: { version: expect.stringMatching(/^\d+\.\d+$/) } },
      admin,
    ],
  ],
  ['getParameter wants a parameter', [{ getParameter: 1 }, 72, admin]],
  ['a command that there is none of is refused', [{ noSuchCommand: 1 }, 59]],
]

const sessions: CommandCase[] = [
  ['startSession gives a session', [{ startSession: 1 }, { id: { id: expect.anything() }, timeoutMinutes: 30 }]],
  [
    'refreshSessions takes a list of sessions',
    [{ refreshSessions: [known.session] }, done],
    [{ refreshSessions: 1 }, 14],
  ],
  ['endSessions takes a list of sessions', [{ endSessions: [known.session] }, done], [{ endSessions: 1 }, 14]],
  [
    'commitTransaction keeps what a transaction wrote',
    numbers,
    [{ insert: 'c', documents: [{ _id: 4 }], ...first }, { n: 1 }],
    [{ count: 'c' }, { n: 3 }, otherSession],
    commit,
    [{ count: 'c' }, { n: 4 }],
  ],
  [
    'commitTransaction may be repeated',
    numbers,
    [{ insert: 'c', documents: [{ _id: 4 }], ...first }, { n: 1 }],
    commit,
    commit,
    [{ count: 'c' }, { n: 4 }],
  ],
  ['commitTransaction wants a transaction', [{ commitTransaction: 1, ...inside }, 251, admin]],
  [
    'abortTransaction undoes what a transaction wrote',
    numbers,
    [{ delete: 'c', deletes: [{ q: {}, limit: 0 }], ...first }, { n: 3 }],
    abort,
    [{ count: 'c' }, { n: 3 }],
    [{ commitTransaction: 1, ...inside }, 251, admin],
  ],
  [
    'abortTransaction comes too late after the commit',
    numbers,
    [{ find: 'c', ...first }, done],
    commit,
    [{ abortTransaction: 1, ...inside }, 256, admin],
  ],
]

const generic: CommandCase[] = [
  ['$db says which database is meant', numbers, [{ count: 'c' }, { n: 0 }, { on: 'alkaid-has-none-of-this-name' }]],
  [
    'lsid binds a cursor to its session',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [{ getMore: known.cursor, collection: 'c' }, 50738, otherSession],
    [{ getMore: known.cursor, collection: 'c' }, done],
  ],
  [
    'txnNumber makes a write that is repeated be done once',
    numbers,
    [{ update: 'c', updates: [{ q: { _id: 1 }, u: { $inc: { a: 1 } } }], txnNumber: known.number }, { nModified: 1 }],
    [{ update: 'c', updates: [{ q: { _id: 1 }, u: { $inc: { a: 1 } } }], txnNumber: known.number }, { nModified: 1 }],
    [{ find: 'c', filter: { _id: 1 } }, batch({ _id: 1, a: 2 })],
  ],
  ['txnNumber is for writes and transactions', [{ find: 'c', txnNumber: known.number }, 50768]],
  [
    'txnNumber binds a cursor to its transaction',
    numbers,
    [{ find: 'c', batchSize: 1, ...first }, done],
    [{ getMore: known.cursor, collection: 'c' }, 50740],
    [{ getMore: known.cursor, collection: 'c', ...inside }, done],
    commit,
  ],
  [
    'txnNumber cannot take over a cursor from before the transaction',
    numbers,
    [{ find: 'c', batchSize: 1 }, done],
    [{ find: 'd', ...first }, done],
    [{ getMore: known.cursor, collection: 'c', ...inside }, 50739],
  ],
  [
    'autocommit and startTransaction begin a transaction, and only once',
    numbers,
    [{ find: 'c', ...first }, done],
    [{ find: 'c', ...first }, 117],
  ],
  ['autocommit can only be false', [{ find: 'c', ...first, autocommit: true }, 72]],
  ['startTransaction can only be true', [{ find: 'c', ...inside, startTransaction: false }, 72]],
  ['autocommit without startTransaction wants an open transaction', [{ find: 'c', ...inside }, 251]],
  ['a transaction refuses what may not run in it', numbers, [{ count: 'c', ...first }, 263]],
  [
    'readConcern may be any level for a read',
    numbers,
    ...['local', 'available', 'majority', 'linearizable'].map(
      (level): CommandStep => [{ count: 'c', readConcern: { level } }, { n: 3 }],
    ),
  ],
  [
    'readConcern snapshot makes a transaction read one',
    numbers,
    [{ find: 'c', ...idOnly, ...first, readConcern: { level: 'snapshot' } }, ids(1, 2, 3)],
    [{ insert: 'c', documents: [{ _id: 4 }] }, { n: 1 }, otherSession],
    [{ find: 'c', ...idOnly, ...inside }, ids(1, 2, 3)],
    commit,
  ],
  [
    'readConcern belongs to the first command of a transaction',
    numbers,
    [{ find: 'c', ...first }, done],
    [{ find: 'c', ...inside, readConcern: { level: 'snapshot' } }, 72],
  ],
  ['readConcern must be an object', [{ find: 'c', readConcern: 1 }, 14]],
  [
    'writeConcern may ask for the disk and the majority',
    [{ insert: 'c', documents: [{ _id: 1 }], writeConcern: { w: 'majority', j: true, wtimeout: 10_000 } }, { n: 1 }],
    [{ insert: 'c', documents: [{ _id: 2 }], writeConcern: { w: 1 } }, { n: 1 }],
  ],
  [
    'writeConcern is for the end of a transaction',
    numbers,
    [{ insert: 'c', documents: [{ _id: 4 }], ...first, writeConcern: { w: 1 } }, 72],
  ],
  [
    'writeConcern may be given to the commit',
    numbers,
    [{ insert: 'c', documents: [{ _id: 4 }], ...first }, done],
    [{ commitTransaction: 1, ...inside, writeConcern: { w: 'majority' } }, done, admin],
  ],
  [
    '$readPreference may be any that one server satisfies',
    numbers,
    [{ count: 'c' }, { n: 3 }, { readPreference: 'nearest' }],
    [{ count: 'c' }, { n: 3 }, { readPreference: 'secondaryPreferred' }],
  ],
  [
    'comment may be anything',
    numbers,
    [{ count: 'c', comment: { why: ['x'] } }, { n: 3 }],
    [{ count: 'c', comment: 1 }, { n: 3 }],
  ],
  [
    'maxTimeMS bounds the wait for a transaction that holds a document',
    numbers,
    [{ delete: 'c', deletes: [{ q: { _id: 1 }, limit: 1 }], ...first }, { n: 1 }],
    [{ update: 'c', updates: [{ q: { _id: 1 }, u: { $set: { a: 9 } } }], maxTimeMS: 100 }, 50, otherSession],
    abort,
    [
      { update: 'c', updates: [{ q: { _id: 1 }, u: { $set: { a: 9 } } }], maxTimeMS: 1000 },
      { nModified: 1 },
      otherSession,
    ],
  ],
]

const canonical = [...reads, ...writes, ...definitions, ...aboutTheServer, ...sessions, ...generic]

export const commandCases: CommandCase[] = canonical.flatMap((one) => [one, ...underItsAlias(one)])

/** The case again with the other name of the command that it begins its sentence with. */
function underItsAlias([sentence, ...steps]: CommandCase): CommandCase[] {
  const [name = '', ...rest] = sentence.split(' ')
  const alias = aliases[name]
  if (alias === undefined) return []
  const renamed = steps.map(([command, ...more]): CommandStep => {
    const [[own, value] = ['', 1], ...options] = Object.entries(command)
    return [Object.fromEntries([[own === name ? alias : own, value], ...options]), ...more]
  })
  return [[[alias, ...rest].join(' '), ...renamed]]
}

/** What a driver tells about itself, which belongs to the first command of a connection. */
export const handshakes: AnyDocument[] = ['hello', 'isMaster', 'ismaster'].map((name) => ({
  [name]: 1,
  client: { driver: { name: 'test', version: '1' }, os: { type: 'Linux' } },
}))

/** What MongoDB takes and the embedded server refuses (238 unless another code is named). */
export const refusedByEmbedded: [what: string, command: AnyDocument, code?: number][] = [
  ['apiVersion', { ping: 1, apiVersion: '1' }],
  ['apiStrict', { ping: 1, apiVersion: '1', apiStrict: true }],
  ['apiDeprecationErrors', { ping: 1, apiVersion: '1', apiDeprecationErrors: true }],
  ['$clusterTime, which it never gives', { ping: 1, $clusterTime: { clusterTime: new Timestamp(1n) } }],
  ['readConcern.afterClusterTime', { find: 'c', readConcern: { afterClusterTime: new Timestamp(1n) } }],
  ['readConcern snapshot outside a transaction', { find: 'c', readConcern: { level: 'snapshot' } }],
  ['writeConcern of more nodes than one', { insert: 'c', documents: [{}], writeConcern: { w: 2 } }, 100],
  ['writeConcern by a tag', { insert: 'c', documents: [{}], writeConcern: { w: 'tag' } }, 100],
  ['writeConcern.fsync', { insert: 'c', documents: [{}], writeConcern: { fsync: true } }],
  ['noCursorTimeout', { find: 'c', noCursorTimeout: true }],
  ['tailable', { find: 'c', tailable: true }],
  ['awaitData', { find: 'c', tailable: true, awaitData: true }],
  ['hello with a topologyVersion, which would stream', { hello: 1, topologyVersion: {}, maxAwaitTimeMS: 1 }],
  ['hints', { find: 'c', hint: '_id_' }],
  ['collations', { find: 'c', collation: { locale: 'de' } }],
  ['variables of a command', { find: 'c', let: { x: 1 } }],
  ['capped collections', { create: 'c', capped: true, size: 4096 }],
  ['views', { create: 'v', viewOn: 'c', pipeline: [] }],
  ['hints of an update', { update: 'c', updates: [{ q: {}, u: { a: 1 }, hint: '_id_' }] }],
  ['collations of a deletion', { delete: 'c', deletes: [{ q: {}, limit: 1, collation: { locale: 'de' } }] }],
  ['an aggregation over the database', { aggregate: 1, pipeline: [], cursor: {} }],
]
