// Indexes reduce the number of documents that a filter reads, and change no answer: also for $or and ranges of _id.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileQuery } from '../../embedded/query/filter.ts'
import { Store } from '../../embedded/store/store.ts'
import type { Doc } from '../../embedded/values.ts'
import { type AnyDocument, describeEmbedded, temporaryDirectory, useServer } from './support.ts'

const fixture = useServer()

describeEmbedded('a filter reads few documents', () => {
  const cases: [string, Doc, number][] = [
    ['by a range of _id', { _id: { $gte: 100, $lt: 110 } }, 10],
    ['by one _id in an $or', { $or: [{ _id: 1 }, { _id: { $gt: 997 } }] }, 3],
    ['by an $or whose branches are indexed', { $or: [{ k: 5 }, { _id: { $in: [1, 2] } }] }, 12],
    ['by an $or inside $and', { $and: [{ $or: [{ k: 5 }, { k: 6 }] }, { other: 1 }] }, 20],
    ['by the range, if it narrows more than the $or', { _id: { $lt: 3 }, $or: [{ k: 5 }, { k: 6 }] }, 3],
    ['but reads all if a branch of the $or has no index', { $or: [{ k: 5 }, { other: 1 }] }, 1000],
  ]
  for (const [name, filter, expected] of cases) {
    test(name, async () => {
      const directory = await temporaryDirectory()
      const store = new Store(directory.path)
      const unit = store.begin(false)
      const collection = store.collectionForWriting('d.c', unit)
      for (let _id = 0; _id < 1000; _id++) collection.insert(unit, { _id, k: _id % 100, other: 1 })
      collection.addIndex({ name: 'k', key: { k: 1 }, unique: false, sparse: false })
      store.commit(unit)
      const { source, matches } = compileQuery(filter)
      let reads = 0
      const counting = (doc: Doc) => {
        reads++
        return matches(doc)
      }
      Array.from(collection.find(store.begin(false), { source, matches: counting }))
      expect(reads).toBe(expected)
      await store.close()
      await directory.remove()
    })
  }
})

const small = fc.integer({ min: 0, max: 9 })
const range = fc.oneof(
  fc.record({ $gte: small, $lt: small }),
  fc.record({ $gt: small }),
  fc.record({ $lte: small }),
  small,
  fc.record({ $in: fc.array(small, { minLength: 1, maxLength: 3 }) }),
)
const flat = fc.record({ _id: range, a: range, b: range }, { requiredKeys: [] })
const filter = fc.oneof(
  flat,
  fc.record({ $or: fc.array(flat, { minLength: 1, maxLength: 3 }) }),
  fc.record({ a: range, $or: fc.array(flat, { minLength: 1, maxLength: 3 }) }),
  fc.record({ $and: fc.tuple(fc.record({ $or: fc.array(flat, { minLength: 1, maxLength: 2 }) }), flat) }),
)
const change = fc.oneof(
  fc.record({ update: flat, to: small }),
  fc.record({ remove: fc.record({ _id: range }) }),
  fc.record({ insert: small, a: fc.oneof(small, fc.array(small, { maxLength: 3 })) }),
)

test('an index changes no answer, also after random writes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 12 }),
      fc.array(filter, { minLength: 1, maxLength: 5 }),
      async (changes, filters) => {
        const [bare, indexed] = [fixture.collection(), fixture.collection()]
        await indexed.createIndexes([{ key: { a: 1 } }, { key: { b: 1, a: 1 } }])
        // The first query for a range of ids builds their index. Every later write keeps it up to date.
        await indexed.find({ _id: { $gt: 0 } }).toArray()
        for (const one of changes as AnyDocument[]) {
          for (const collection of [bare, indexed]) {
            if ('update' in one) await collection.updateMany(one.update, { $set: { b: one.to } })
            else if ('remove' in one) await collection.deleteMany(one.remove)
            else await collection.updateOne({ _id: one.insert }, { $set: { a: one.a } }, { upsert: true })
          }
        }
        const all = await bare.find().toArray()
        for (const one of filters as Doc[]) {
          const found = await indexed.find(one).toArray()
          expect(found).toEqual(await bare.find(one).toArray())
          expect(found).toEqual(all.filter((doc) => compileQuery(one).matches(doc)))
        }
      },
    ),
    { numRuns: 100 },
  )
})
