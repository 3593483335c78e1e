// No document is changed in place after it has entered or left the store. The test freezes all documents of commands
// and of the store, and compares them at the end with their first state.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { serialize } from 'bson'
import type { Server } from '../../embedded/commands/command.ts'
import { Cursors } from '../../embedded/cursors.ts'
import { dispatch } from '../../embedded/dispatch.ts'
import { Sessions } from '../../embedded/sessions.ts'
import { Store } from '../../embedded/store/store.ts'
import { type AnyDocument, describeEmbedded, temporaryDirectory } from './support.ts'

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Server
/** Every document so far, with its bytes when it was first seen. */
const seen = new Map<object, string>()

beforeEach(async () => {
  directory = await temporaryDirectory()
  const store = new Store(directory.path)
  const cursors = new Cursors()
  server = { store, cursors, sessions: new Sessions(store, cursors, 60_000), host: 'x' }
})
afterEach(async () => {
  await server.store.close()
  await directory.remove()
})

function freeze(value: unknown): void {
  if (Array.isArray(value)) value.forEach(freeze)
  else if (Object.getPrototypeOf(value ?? 0) === Object.prototype) Object.values(value as object).forEach(freeze)
  else return
  Object.freeze(value)
}

function remember(document: object): void {
  freeze(document)
  if (!seen.has(document)) seen.set(document, bytes(document))
}

function bytes(document: object): string {
  return Buffer.from(serialize(document)).toString('base64')
}

async function run(command: AnyDocument): Promise<AnyDocument> {
  const body = { ...command, $db: 'd' }
  remember(body)
  const reply = (await dispatch(server, 1, body)) as AnyDocument
  const collection = server.store.collection('d.c', server.store.begin(false))
  for (const record of collection?.records.values() ?? []) for (const doc of record.documents()) remember(doc)
  for (const doc of reply.cursor?.firstBatch ?? []) remember(doc)
  return reply
}

const updates: AnyDocument[] = [
  { $set: { 'a.b': 1, 'list.0.x': 9, 'new.path.deep': [1] } },
  { $unset: { 'a.c': '', 'list.1': '' } },
  { $inc: { n: 2, 'a.n': 1 } },
  { $min: { n: -5 }, $max: { 'a.n': 50 } },
  { $push: { tags: { $each: ['p', 'q'], $position: 0, $slice: -3 } } },
  { $addToSet: { tags: 'z' } },
  { $pull: { tags: 'p', list: { x: 1 } } },
  { n: 3, a: { b: 2, c: { d: [1, 2] } }, list: [{ x: 1, y: [3, 1, 2] }, { x: 2 }], tags: ['p', 'q'] },
]
const pipelines: AnyDocument[][] = [
  [{ $addFields: { 'a.b': 5, 'list.x': 1 } }],
  [{ $project: { 'a.c': 0, 'list.x': 0 } }],
  [{ $project: { 'list.x': 1, s: { $add: ['$n', 1] } } }],
  [{ $unset: ['a.c.d', 'list.y'] }],
  [{ $unwind: '$list' }, { $set: { 'list.x': 7 } }, { $unset: 'list.y' }],
  [{ $sort: { 'list.y': -1, n: 1 } }, { $skip: 1 }, { $limit: 1 }],
  [{ $group: { _id: '$a', all: { $push: '$list' }, one: { $first: '$a' } } }, { $set: { 'all.x': 1, 'one.b': 0 } }],
  [{ $replaceRoot: { newRoot: '$a' } }, { $set: { 'c.d': 1 } }],
  [{ $lookup: { from: 'c', localField: 'n', foreignField: 'n', as: 'same' } }, { $set: { 'same.n': 0 } }],
  [{ $facet: { x: [{ $set: { 'a.b': 1 } }], y: [{ $unset: 'a' }] } }],
  [{ $bucket: { groupBy: '$n', boundaries: [-100, 0, 100], default: 'other', output: { all: { $push: '$a' } } } }],
]

describeEmbedded('a document', () => {
  test('that entered or left the store is never changed in place', async () => {
    const document = { n: 1, a: { b: 1, c: { d: [1, 2] } }, list: [{ x: 1, y: [3, 1, 2] }, { x: 2 }], tags: ['p'] }
    const documents = [1, 2, 3].map((_id) => ({ _id, ...structuredClone(document) }))
    expect(await run({ insert: 'c', documents })).toMatchObject({ ok: 1, n: 3 })
    await run({ createIndexes: 'c', indexes: [{ key: { 'list.x': 1 }, name: 'x' }] })
    for (const u of updates) {
      const multi = Object.keys(u)[0]!.startsWith('$')
      expect((await run({ update: 'c', updates: [{ q: { _id: { $gt: 1 } }, u, multi }] })).writeErrors).toBeUndefined()
      await run({ findAndModify: 'c', query: { _id: 1 }, update: u, new: true, fields: { 'list.x': 0 } })
      for (const pipeline of pipelines) {
        expect(await run({ aggregate: 'c', pipeline, cursor: {} })).toMatchObject({ ok: 1 })
      }
      await run({ find: 'c', filter: { 'list.x': { $gt: 0 } }, sort: { 'list.y': 1 }, projection: { 'a.c': 0 } })
      await run({ find: 'c', projection: { list: { x: 1 }, 'a.b': 1 } })
      await run({ distinct: 'c', key: 'list.y' })
    }
    await run({ update: 'c', updates: [{ q: { k: { b: [1] } }, u: { $push: { 'k.b': 2 } }, upsert: true }] })
    await run({ delete: 'c', deletes: [{ q: { _id: 1 }, limit: 1 }] })
    expect(seen.size).toBeGreaterThan(200)
    for (const [document, before] of seen) expect(bytes(document)).toBe(before)
  })
})
