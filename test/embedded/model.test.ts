// Random filters, updates and transactions, compared with simple models.
import { beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Collection } from 'mongodb'
import { type AnyDocument, useServer } from './support.ts'

const fixture = useServer()

const scalar = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.constantFrom('a', 'b', ''),
  fc.constantFrom(null, true, new Date(0), new Date(1)),
)
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.record({ c: scalar }, { requiredKeys: [] }))
const content = fc.record({ a: value, b: value, n: fc.integer({ min: 0, max: 9 }) }, { requiredKeys: ['n'] })
const operators = fc.oneof(
  scalar.map((operand) => operand as unknown),
  fc.record({ $gte: scalar, $lt: scalar }),
  fc.record({ $gt: scalar }),
  fc.record({ $in: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
  fc.record({ $ne: scalar }),
  fc.record({ $exists: fc.boolean() }),
)
const filter = fc.record({ a: operators, b: operators, 'a.c': operators, n: operators }, { requiredKeys: [] })

let bare: Collection<AnyDocument>
let indexed: Collection<AnyDocument>
beforeAll(async () => {
  bare = fixture.collection()
  indexed = fixture.collection()
  await indexed.createIndexes([
    { key: { a: 1 } },
    { key: { n: 1, b: 1 } },
    { key: { 'a.c': -1, n: 1 } },
    { key: { b: 1 }, sparse: true },
  ])
})

test('an index never changes what a filter finds, also after updates and deletions', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 1, maxLength: 12 }),
      fc.array(filter, { minLength: 1, maxLength: 6 }),
      filter,
      value,
      async (documents, filters, victims, change) => {
        for (const collection of [bare, indexed]) {
          await collection.deleteMany({})
          await collection.insertMany(documents.map((doc, at) => ({ _id: at, ...structuredClone(doc) })))
          await collection.updateMany(filters[0]!, { $set: { a: change }, $inc: { n: 1 } })
          await collection.deleteMany(victims)
        }
        for (const one of filters) {
          expect(await indexed.find(one).toArray()).toEqual(await bare.find(one).toArray())
          expect(await indexed.countDocuments(one)).toBe(await bare.countDocuments(one))
        }
      },
    ),
    { numRuns: 100 },
  )
})

/** What each update operator does to a plain object. All fields are at the top level. */
const updates: Record<string, (doc: AnyDocument, name: string, operand: number) => void> = {
  $set: (doc, name, operand) => {
    doc[name] = operand
  },
  $unset: (doc, name) => {
    delete doc[name]
  },
  $inc: (doc, name, operand) => {
    doc[name] = (doc[name] ?? 0) + operand
  },
  $mul: (doc, name, operand) => {
    doc[name] = (doc[name] ?? 0) * operand + 0
  },
  $min: (doc, name, operand) => {
    doc[name] = Math.min(doc[name] ?? operand, operand)
  },
  $max: (doc, name, operand) => {
    doc[name] = Math.max(doc[name] ?? operand, operand)
  },
}
const step = fc.record({
  operator: fc.constantFrom(...Object.keys(updates), '$push', '$pull', '$addToSet', '$pullAll', '$pop'),
  name: fc.constantFrom('x', 'y', 'z'),
  operand: fc.integer({ min: -3, max: 3 }),
})

function applyToModel(
  doc: AnyDocument,
  { operator, name, operand }: { operator: string; name: string; operand: number },
) {
  const list = doc[`${name}s`]
  // The caller has checked that $addToSet really adds.
  if (operator === '$push' || operator === '$addToSet') doc[`${name}s`] = [...(list ?? []), operand]
  else if (operator === '$pop') list?.splice(operand > 0 ? -1 : 0, 1)
  else if (operator === '$pull' || operator === '$pullAll') {
    if (list !== undefined) doc[`${name}s`] = list.filter((element: number) => element !== operand)
  } else updates[operator]!(doc, name, operand)
}

/** The operand in the form that the operator needs. */
function operandOf({ operator, operand }: { operator: string; operand: number }): number | number[] {
  if (operator === '$pop') return operand > 0 ? 1 : -1
  return operator === '$pullAll' ? [operand] : operand
}

test('updates change a document as they change a plain object', async () => {
  const collection = fixture.collection()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
      const model: AnyDocument = { _id: 1 }
      await collection.deleteMany({})
      await collection.insertOne({ _id: 1 })
      for (const one of steps) {
        const onList = ['$push', '$pull', '$addToSet', '$pullAll', '$pop'].includes(one.operator)
        if (one.operator === '$addToSet' && model[`${one.name}s`]?.includes(one.operand)) {
          const again = await collection.updateOne({}, { $addToSet: { [`${one.name}s`]: one.operand } })
          expect(again.modifiedCount).toBe(0)
          continue
        }
        applyToModel(model, one)
        await collection.updateOne(
          { _id: 1 },
          { [one.operator]: { [onList ? `${one.name}s` : one.name]: operandOf(one) } },
        )
      }
      expect(await collection.findOne()).toEqual(model)
    }),
    { numRuns: 60 },
  )
})

test('concurrent transfers keep the total, and every transaction sees it', async () => {
  const accounts = fixture.collection()
  const names = [0, 1, 2, 3]
  await accounts.insertMany(names.map((_id) => ({ _id, balance: 100, transfers: 0 })))
  let done = 0
  const transfer = async (seed: number) => {
    await fixture.client.withSession((session) =>
      session.withTransaction(async () => {
        const all = await accounts.find({}, { session }).toArray()
        expect(all.reduce((sum, account) => sum + account.balance, 0)).toBe(400)
        const [from, to] = [all[seed % 4]!, all[(seed + 1 + (seed % 3)) % 4]!]
        const amount = (seed * 7) % 30
        await accounts.updateOne(
          { _id: from._id },
          { $set: { balance: from.balance - amount }, $inc: { transfers: 1 } },
          { session },
        )
        await accounts.updateOne(
          { _id: to._id },
          { $set: { balance: to.balance + amount }, $inc: { transfers: 1 } },
          { session },
        )
      }),
    )
    done++
  }
  await Promise.all(
    Array.from({ length: 5 }, async (_, worker) => {
      for (let round = 0; round < 12; round++) await transfer(worker * 12 + round)
    }),
  )
  const all = await accounts.find().toArray()
  expect(all.reduce((sum, account) => sum + account.balance, 0)).toBe(400)
  expect(all.reduce((sum, account) => sum + account.transfers, 0)).toBe(done * 2)
})
