// The event stream without Redis, in two collections of MongoDB. `eventStream` has the events, in documents of up to 500.
// `eventStreamEnds` has two counters: the number of the last event that was appended, and of the last that was trimmed.
// The first event has the number 1.
//
// Each append writes the counter in its transaction. So commits happen in the order of the numbers, and a reader never skips
// an event. A position is `<incarnation>/<number>`, as in `0b6f.../0000000000000042`. A stream that was deleted and made
// again has another incarnation, and positions of the old stream mean nothing in it.
//
// The stream is bounded. When its events are not folded, it fills up, and then refuses batches instead of filling the disk.

import { randomUUID } from 'node:crypto'
import type { Filter } from 'mongodb'
import { AlkaidError } from '../../common/base/errors.ts'
import { ChannelUnavailable } from '../../common/channel/channel.ts'
import { type EventStream, StreamFull } from '../../common/channel/event-stream.ts'
import type { Db, Tx } from '../../common/store/collection.ts'
import type { Store } from '../../common/store/store.ts'
import { isDuplicateKey } from '../../common/store/store-errors.ts'

/** `_id` is the number of the first event, `last` that of the last one. */
type StreamDocument = { _id: string; last: string; payloads: string[] }
type StreamEnd = { _id: 'appended' | 'trimmed'; at: number; incarnation?: string }

/** Events per document. */
const MAX_PAYLOADS = 500
/** Events per transaction, when several waiting batches are appended together. MongoDB would take far more. */
const MAX_GROUP = 5_000

type WaitingBatch = { batch: readonly string[]; resolve(): void; reject(error: unknown): void }

/** Events that may wait in memory for a transaction, before further batches are refused. */
const MAX_WAITING = 50_000
/** About 300 MB. */
const CAPACITY = 1_000_000

/**
 * The store belongs to the caller: closing the stream leaves it open.
 * @param capacity the most events that the stream may have. Writers count at the same time, so it may have one group more.
 */
export async function connectMongoEventStream(store: Store, capacity = CAPACITY): Promise<EventStream> {
  await createIfMissing(store)
  let closed = false
  let waiting: WaitingBatch[] = []
  let appending: Promise<void> | undefined
  /** As it was read last. The real one is never lower, unless somebody deleted the counters. */
  let trimmed = 0

  /** Batches that arrive during a transaction share the next one. In transactions of their own they would block each other. */
  async function appendWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      waiting = waiting.slice(group.length)
      try {
        const payloads = group.flatMap(({ batch }) => batch)
        while (!(await store.transaction((tx) => insertPayloads(tx, payloads, requireRoom))))
          await createIfMissing(store)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
        if (!(error instanceof AlkaidError)) continue
        // The store is out of reach or the stream is full. The batches that came meanwhile would meet the same.
        for (const { reject } of waiting) reject(error)
        waiting = []
      }
    }
    appending = undefined
  }

  /** Reads the end of the stream again only when the stream seems full by the end that was read last. */
  async function requireRoom(tx: Tx, appended: number): Promise<void> {
    if (appended - trimmed <= capacity) return
    trimmed = (await ends(tx).findOne({ _id: 'trimmed' }))?.at ?? 0
    if (appended - trimmed > capacity) throw new StreamFull(capacity)
  }

  function requireOpen(): void {
    if (closed) throw new ChannelUnavailable('The event stream is closed')
  }

  return {
    capacity,

    async append(batch) {
      requireOpen()
      if (batch.length === 0) return
      const ahead = waiting.reduce((sum, { batch: other }) => sum + other.length, 0)
      if (ahead > 0 && ahead + batch.length > MAX_WAITING) {
        throw new ChannelUnavailable('MongoDB does not keep up: too many events wait for it')
      }
      await new Promise<void>((resolve, reject) => {
        waiting.push({ batch, resolve, reject })
        appending ??= appendWaiting()
      })
    },

    async read(after, limit) {
      requireOpen()
      const { appended, trimmed, incarnation } = await readEnds(store)
      let from = Math.max(numberOf(after, incarnation, appended), trimmed) + 1
      let found: NumberedPayload[] = []
      while (found.length === 0 && from <= appended) {
        const to = Math.min(from + limit - 1, appended)
        found = numbered(await findBetween(store, from, to)).filter(({ number }) => number >= from && number <= to)
        // Somebody deleted documents here: go on after the gap.
        if (found.length === 0) from = (await findNextNumber(store, to)) ?? appended + 1
      }
      return found.map(({ number, payload }) => ({ position: `${incarnation}/${numberText(number)}`, payload }))
    },

    async trim(upTo) {
      requireOpen()
      const { appended, incarnation } = await readEnds(store)
      await deleteUpTo(store, numberOf(upTo, incarnation, appended))
    },

    async length() {
      requireOpen()
      const { appended, trimmed } = await readEnds(store)
      return appended - trimmed
    },

    async close() {
      closed = true
      await appending
    },
  }
}

/** The first batches that wait, as many as fit in one transaction. A larger batch goes alone. */
function takeGroup(waiting: readonly WaitingBatch[]): WaitingBatch[] {
  let events = 0
  const end = waiting.findIndex(({ batch }, n) => {
    events += batch.length
    return n > 0 && events > MAX_GROUP
  })
  return waiting.slice(0, end < 0 ? waiting.length : end)
}

/** The number in a position. A position of another incarnation counts as 0: before everything. */
function numberOf(position: string | null, incarnation: string, appended: number): number {
  const [of, text = ''] = position?.split('/') ?? []
  const number = NUMBER.test(text) ? Number(text) : 0
  return of === incarnation && number <= appended ? number : 0
}

type NumberedPayload = { number: number; payload: string }

/** Somebody may have written other things into our collection. They are read too, and the worker sets them aside. */
function numbered(documents: readonly StreamDocument[]): NumberedPayload[] {
  return documents.flatMap(({ _id, payloads }) =>
    (Array.isArray(payloads) ? payloads : [payloads]).map((payload, n) => ({ number: Number(_id) + n, payload })),
  )
}

// ---- The collections

const documents = (db: Db) => db.collection<StreamDocument>('eventStream')
const ends = (db: Db) => db.collection<StreamEnd>('eventStreamEnds')

const NUMBER = /^\d{16}$/
/** Leaves out documents that somebody else wrote into the collection. */
const HAS_NUMBER = { $regex: NUMBER }

/** 42 -> `0000000000000042`, which sorts as text in the order of the numbers. */
const numberText = (number: number) => String(number).padStart(16, '0')

/** Creates the counters that are missing. They continue after the documents that exist, if there are any. */
async function createIfMissing(db: Db): Promise<void> {
  try {
    const [first] = await documents(db).find({ _id: HAS_NUMBER }, { sort: { _id: 1 }, limit: 1 })
    const [last] = await documents(db).find({ _id: HAS_NUMBER }, { sort: { _id: -1 }, limit: 1 })
    const appended = { at: last ? Number(last.last) : 0, incarnation: randomUUID() }
    const isThere = await ends(db).updateOne({ _id: 'appended' }, { $setOnInsert: appended }, { upsert: true })
    const trimmed = { at: first ? Number(first._id) - 1 : 0 }
    // A `trimmed` that is left from an earlier stream would hide the events that are appended from now on.
    const update = isThere ? { $setOnInsert: trimmed } : { $set: trimmed }
    await ends(db).updateOne({ _id: 'trimmed' }, update, { upsert: true })
  } catch (error) {
    if (!isDuplicateKey(error)) throw error // A duplicate key: another process created them at the same moment.
  }
}

async function readEnds(db: Db): Promise<{ appended: number; trimmed: number; incarnation: string }> {
  const found = await ends(db).find({})
  const [appended, trimmed] = (['appended', 'trimmed'] as const).map((id) => found.find(({ _id }) => _id === id))
  return { appended: appended?.at ?? 0, trimmed: trimmed?.at ?? 0, incarnation: appended?.incarnation ?? '' }
}

/**
 * Returns false, with nothing appended, when somebody deleted the counters. Throws StreamFull.
 * @param requireRoom throws when the stream may not have events up to this number.
 */
async function insertPayloads(
  tx: Tx,
  payloads: readonly string[],
  requireRoom: (tx: Tx, appended: number) => Promise<void>,
): Promise<boolean> {
  const end = await ends(tx).findOneAndUpdate({ _id: 'appended' }, { $inc: { at: payloads.length } })
  if (!end) return false
  await requireRoom(tx, end.at)
  const first = end.at - payloads.length + 1
  const inserted: StreamDocument[] = []
  for (let at = 0; at < payloads.length; at += MAX_PAYLOADS) {
    const chunk = payloads.slice(at, at + MAX_PAYLOADS)
    inserted.push({ _id: numberText(first + at), last: numberText(first + at + chunk.length - 1), payloads: chunk })
  }
  await documents(tx).insertMany(inserted)
  return true
}

/** The documents that hold the numbers from `from` to `to`. The first of them may begin before `from`. */
function findBetween(db: Db, from: number, to: number): Promise<StreamDocument[]> {
  const range = { $gt: numberText(Math.max(0, from - MAX_PAYLOADS)), $lte: numberText(to) }
  return documents(db).find({ _id: { ...range, ...HAS_NUMBER } } as Filter<StreamDocument>, { sort: { _id: 1 } })
}

/** The first number after `after` with which a document begins; undefined when there is none. */
async function findNextNumber(db: Db, after: number): Promise<number | undefined> {
  const filter = { _id: { $gt: numberText(after), ...HAS_NUMBER } } as Filter<StreamDocument>
  const [next] = await documents(db).find(filter, { sort: { _id: 1 }, limit: 1, projection: { _id: 1 } })
  return next && Number(next._id)
}

async function deleteUpTo(db: Db, upTo: number): Promise<void> {
  await ends(db).updateOne({ _id: 'trimmed' }, { $max: { at: upTo } })
  const text = numberText(upTo)
  await documents(db).deleteMany({ _id: { $lte: text }, last: { $lte: text } })
}
