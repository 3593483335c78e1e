// Cases of the commands that write documents.
import { expect } from '@jest/globals'
import { type CommandCase, duplicate, filled, left, numbers } from './command-steps.ts'

export const writes: CommandCase[] = [
  [
    'insert inserts documents',
    [
      { insert: 'c', documents: [{ _id: 1 }, { _id: 2 }] },
      { n: 2, writeErrors: undefined },
    ],
    left({ _id: 1 }, { _id: 2 }),
  ],
  ['insert needs at least one document', [{ insert: 'c', documents: [] }, 16]],
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
    'findAndModify updates the document it finds, and gives the old one',
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
    'findAndModify with new gives the changed document',
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
  ['findAndModify needs either update or remove', [{ findAndModify: 'c', query: {} }, 9]],
]
