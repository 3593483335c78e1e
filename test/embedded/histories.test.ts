// Random transactions and snapshot isolation: interleaved step by step and compared with an exact model, and running
// concurrently, with a check of the history that they leave.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { ClientSession, Collection } from 'mongodb'
import { type AnyDocument, useServer } from './support.ts'

const fixture = useServer()
const keys = [0, 1, 2, 3]

interface Step {
  kind: 'read' | 'write' | 'delete' | 'commit' | 'abort'
  actor: number
  key: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('read', 'write', 'write', 'delete', 'commit', 'abort'),
  actor: fc.integer({ min: 0, max: 2 }),
  key: fc.constantFrom(...keys),
})

/** An open transaction in the model. */
interface Open {
  session: ClientSession
  snapshot: Map<number, number>
  startedAt: number
  own: Map<number, number | undefined>
}

/** A model of snapshot isolation: a clock, the committed state, and when each key last changed. */
class Model {
  clock = 0
  state = new Map<number, number>()
  changedAt = new Map<number, number>()
  open = new Map<number, Open>()

  sees({ snapshot, own }: Open): Map<number, number> {
    const seen = new Map(snapshot)
    for (const [key, value] of own) {
      if (value === undefined) seen.delete(key)
      else seen.set(key, value)
    }
    return seen
  }

  conflicts(mine: Open, key: number): boolean {
    const held = [...this.open.values()].some((other) => other !== mine && other.own.has(key))
    return held || (this.changedAt.get(key) ?? 0) > mine.startedAt
  }

  commit({ own }: Open): void {
    this.clock++
    for (const [key, value] of own) {
      this.changedAt.set(key, this.clock)
      if (value === undefined) this.state.delete(key)
      else this.state.set(key, value)
    }
  }
}

test('interleaved transactions see, win and lose exactly as snapshot isolation demands', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const collection = fixture.collection()
      const model = new Model()
      await collection.insertMany(keys.map((_id) => ({ _id, v: 0 })))
      for (const key of keys) model.state.set(key, 0)
      let value = 0
      for (const one of steps) await run(one, ++value, model, collection)
      for (const { session } of model.open.values()) await session.abortTransaction()
      for (const { session } of model.open.values()) await session.endSession()
      expect(contents(await collection.find().toArray())).toEqual(sorted(model.state))
    }),
    { numRuns: 60 },
  )
})

async function run(one: Step, value: number, model: Model, collection: Collection<AnyDocument>): Promise<void> {
  const { actor, key, kind } = one
  const mine = model.open.get(actor)
  if (kind === 'commit' || kind === 'abort') {
    if (mine === undefined) return
    model.open.delete(actor)
    if (kind === 'commit') {
      await mine.session.commitTransaction()
      model.commit(mine)
    } else await mine.session.abortTransaction()
    return mine.session.endSession()
  }
  const open = mine ?? begin(model, actor)
  const { session } = open
  const expected = model.sees(open)
  if (kind === 'read') {
    expect(contents(await collection.find({}, { session }).toArray())).toEqual(sorted(expected))
    return
  }
  const writes = kind === 'write' || expected.has(key)
  const outcome = await (kind === 'write'
    ? collection.updateOne({ _id: key }, { $set: { v: value } }, { session, upsert: true })
    : collection.deleteOne({ _id: key }, { session })
  ).then(
    () => 'done',
    (error) => error.code,
  )
  if (writes && model.conflicts(open, key)) {
    expect(outcome).toBe(112)
    model.open.delete(actor)
    await session.abortTransaction()
    return session.endSession()
  }
  expect(outcome).toBe('done')
  if (writes) open.own.set(key, kind === 'write' ? value : undefined)
}

/** A transaction has the snapshot of its first command, which follows at once. */
function begin(model: Model, actor: number): Open {
  const session = fixture.client.startSession()
  session.startTransaction()
  const open = { session, snapshot: new Map(model.state), startedAt: model.clock, own: new Map() }
  model.open.set(actor, open)
  return open
}

function contents(documents: AnyDocument[]): [number, number][] {
  return documents.map(({ _id, v }): [number, number] => [_id, v]).sort((a, b) => a[0] - b[0])
}

function sorted(state: Map<number, number>): [number, number][] {
  return [...state].sort((a, b) => a[0] - b[0])
}

/** An acknowledged transaction or plain write: the versions that it saw (of all documents), and those it wrote. */
interface Committed {
  saw: number[] | undefined
  made: Map<number, number>
}

test('concurrent transactions and plain writes leave a history that is consistent with one order', async () => {
  const collection = fixture.collection()
  await collection.insertMany(keys.map((_id) => ({ _id, v: 0 })))
  const history: Committed[] = []
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  const transaction = async () => {
    const chosen = keys.filter(() => random(2) === 0)
    const committed = await fixture.client.withSession((session) =>
      session.withTransaction(async () => {
        const saw = (await collection.find({}, { session }).sort({ _id: 1 }).toArray()).map((doc) => doc.v)
        const made = new Map<number, number>()
        for (const key of chosen) {
          await collection.updateOne({ _id: key }, { $set: { v: saw[key]! + 1 } }, { session })
          made.set(key, saw[key]! + 1)
        }
        return { saw, made }
      }),
    )
    history.push(committed)
  }
  const plain = async () => {
    const key = random(keys.length)
    const { v } = await collection.findOneAndUpdate({ _id: key }, { $inc: { v: 1 } }, { returnDocument: 'after' })
    history.push({ saw: undefined, made: new Map([[key, v]]) })
  }
  const actor = async (work: () => Promise<void>) => {
    for (let round = 0; round < 25; round++) await work()
  }
  await Promise.all([
    ...Array.from({ length: 4 }, () => actor(transaction)),
    ...Array.from({ length: 2 }, () => actor(plain)),
  ])

  // No lost update: every version of every document was written once, without a gap.
  const last = (await collection.find().sort({ _id: 1 }).toArray()).map((doc) => doc.v)
  for (const key of keys) {
    const made = history.flatMap((one) => one.made.get(key) ?? []).sort((a, b) => a - b)
    expect(made).toEqual(Array.from({ length: last[key] }, (_, at) => at + 1))
  }
  // All snapshots are states of one history: of any two, one is older in every document.
  const seen = history.flatMap((one) => (one.saw === undefined ? [] : [one.saw]))
  expect(seen).toHaveLength(100)
  seen.sort((a, b) => total(a) - total(b))
  for (let at = 1; at < seen.length; at++) {
    for (const key of keys) expect(seen[at]![key]!).toBeGreaterThanOrEqual(seen[at - 1]![key]!)
  }
  // Each snapshot shows all writes of a transaction or none.
  for (const saw of seen) {
    for (const { made } of history) {
      const shown = [...made].filter(([key, version]) => saw[key]! >= version)
      expect([0, made.size]).toContain(shown.length)
    }
  }
})

function total(versions: number[]): number {
  return versions.reduce((sum, version) => sum + version, 0)
}
