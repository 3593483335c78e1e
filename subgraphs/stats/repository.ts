// The collections of stats: rollups, tallies, the ids that were seen, how far the worker is, and the stream without
// Redis. Nothing else touches them.

import { randomUUID } from 'node:crypto'
import type { Filter } from 'mongodb'
import type { Db, IndexDefinition, Tx } from '../../common/store/collection.ts'
import { DAY_MS, HOUR_MS } from '../../engine/time/days.ts'
import {
  type Counts,
  DUPLICATE_MS,
  type RollupIncrement,
  type RollupKey,
  rollupId,
  type Span,
  type Tally,
  type TallyIncrement,
  type Unit,
} from './fold.ts'
import { LONGEST_MS, type Part, partExpressions, partFilters, type Sum } from './total.ts'

type StoredSpan = { at: Date; until: Date }
/** `expiresAt` is set on minutes alone: hours and days are kept. */
type Rollup = Omit<RollupKey, keyof Span | 'within'> &
  StoredSpan &
  Counts & { _id: string; within: StoredSpan | null; expiresAt?: Date }
type TallyDocument = Tally & { _id: string; app: string; at: Date }
type SeenEvent = { _id: string; acceptedAt: Date; expiresAt: Date }
/** Of one stream, by its name. */
type Position = { _id: string; position: string | null }
/** A record of the stream that was not folded. `payload` is its beginning. */
export type SetAsideRecord = { position: string; reason: string; payload: string; at: Date }
/** All of one stream, by its name, and the newest of them. */
type SetAside = { _id: string; count: number; newest: SetAsideRecord[] }

/** For how long after they were first counted in, minutes can be looked at. */
const MINUTES_KEPT_MS = 30 * DAY_MS
/** Longer than duplicates are looked for, so that a worker that was down for some hours still finds them. */
const SEEN_KEPT_MS = DUPLICATE_MS + 6 * HOUR_MS
/** Statements per command: each command ends well within the time that a socket waits. */
const CHUNK = 1_000
/** Of records that were set aside: how many are kept, and so many UTF-16 units of each. */
const SET_ASIDE_KEPT = 100
const SET_ASIDE_LENGTH = 500

const ROLLUPS = 'rollups'
const SEEN = 'seenEvents'

export const statsIndexes: IndexDefinition[] = [
  { collection: ROLLUPS, key: { app: 1, unit: 1, at: 1 } },
  { collection: ROLLUPS, key: { schedule: 1, unit: 1, at: 1 } },
  { collection: ROLLUPS, key: { creative: 1, unit: 1, at: 1 } },
  { collection: ROLLUPS, key: { slot: 1, unit: 1, at: 1 } },
  { collection: ROLLUPS, key: { expiresAt: 1 }, options: { expireAfterSeconds: 0, sparse: true } },
  { collection: SEEN, key: { expiresAt: 1 }, options: { expireAfterSeconds: 0 } },
]

export type Subject = 'schedule' | 'creative' | 'slot'

/** What is added up: `from` and `to` in ms since the Unix epoch. */
export type SumQuery = {
  by: Subject
  app?: string
  ids?: readonly string[] | undefined
  from: number
  to: number
  /** Rows at most. */
  limit: number
}

export const rollups = {
  async add(tx: Tx, increments: readonly RollupIncrement[], now: number): Promise<void> {
    const expiresAt = new Date(now + MINUTES_KEPT_MS)
    const upserts = increments.map(({ impressions, clicks, conversions, ...key }) => {
      const ofMinutes = key.unit === 'MINUTE' ? { expiresAt } : {}
      return {
        filter: { _id: rollupId(key) },
        update: {
          $inc: { impressions, clicks, conversions },
          $setOnInsert: { ...key, ...storedSpan(key), within: key.within && storedSpan(key.within), ...ofMinutes },
        },
      }
    })
    for (const chunk of chunksOf(upserts)) await tx.collection<Rollup>(ROLLUPS).bulkUpsert(chunk)
  },

  /** Of each period of `unit` that has a moment in common with [from, to), whole. In no order. */
  async byPeriod(db: Db, { unit, from, to, ...query }: SumQuery & { unit: Unit }): Promise<Sum[]> {
    const begun = { $gt: new Date(from - LONGEST_MS[unit]), $lt: new Date(to) }
    const found = await addUp(db, query, { at: '$at' }, [{ unit, at: begun, until: { $gt: new Date(from) } }])
    return found.map(({ _id, ...sum }) => ({ ..._id, ...sum }))
  },

  /** Of what is read for the total of [from, to). In no order. */
  async parts(db: Db, { from, to, ...query }: SumQuery): Promise<Part[]> {
    const found = await addUp(db, query, partExpressions(from, to), partFilters(from, to))
    return found.map(({ _id, ...sum }) => ({ ..._id, ...sum }) as Part)
  },
}

/** Adds up the rollups that pass one of the filters, for each app, id and value of `group`. */
async function addUp(
  db: Db,
  { by, app, ids, limit }: Omit<SumQuery, 'from' | 'to'>,
  group: object,
  filters: readonly object[],
): Promise<(Omit<Sum, 'app' | 'id'> & { _id: { app: string; id: string } })[]> {
  const narrowed = { ...(app === undefined ? {} : { app }), ...(ids ? { [by]: { $in: [...ids] } } : {}) }
  return db.collection<Rollup>(ROLLUPS).aggregate([
    { $match: { $or: filters.map((filter) => ({ ...narrowed, ...filter })) } },
    {
      $group: {
        _id: { app: '$app', id: `$${by}`, ...group },
        at: { $min: '$at' },
        until: { $max: '$until' },
        impressions: { $sum: '$impressions' },
        clicks: { $sum: '$clicks' },
        conversions: { $sum: '$conversions' },
      },
    },
    { $limit: limit },
  ])
}

const storedSpan = ({ at, until }: Span): StoredSpan => ({ at: new Date(at), until: new Date(until) })

export const tallies = {
  async add(tx: Tx, increments: readonly TallyIncrement[]): Promise<void> {
    await tx.collection<TallyDocument>('eventTallies').bulkUpsert(
      increments.map(({ app, at, ...tally }) => ({
        filter: { _id: `${app}|${at}` },
        update: { $inc: tally, $setOnInsert: { app, at: new Date(at) } },
      })),
    )
  },

  /** Of the day of the app's zone that begins at `at`. */
  of: (db: Db, app: string, at: number): Promise<TallyDocument | null> =>
    db.collection<TallyDocument>('eventTallies').findOne({ _id: `${app}|${at}` }),
}

export const seenEvents = {
  /** Which of the keys were seen -> when they were accepted, ms since the Unix epoch. */
  async among(tx: Tx, keys: readonly string[]): Promise<Map<string, number>> {
    const found = await tx
      .collection<SeenEvent>(SEEN)
      .find({ _id: { $in: [...keys] } }, { projection: { acceptedAt: 1 } })
    return new Map(found.map(({ _id, acceptedAt }) => [_id, acceptedAt.getTime()]))
  },

  /** Remembers what was counted; `before` is what `among` found, since those documents are there already. */
  async remember(
    tx: Tx,
    counted: ReadonlyMap<string, number>,
    before: ReadonlyMap<string, number>,
    now: number,
  ): Promise<void> {
    const expiresAt = new Date(now + SEEN_KEPT_MS)
    const all = [...counted].map(([_id, acceptedAt]) => ({ _id, acceptedAt: new Date(acceptedAt), expiresAt }))
    await tx.collection<SeenEvent>(SEEN).insertMany(all.filter(({ _id }) => !before.has(_id)))
    const again = all.filter(({ _id }) => before.has(_id))
    await tx
      .collection<SeenEvent>(SEEN)
      .bulkUpsert(again.map(({ _id, ...seen }) => ({ filter: { _id }, update: { $set: seen } })))
  },
}

const positions = (db: Db) => db.collection<Position>('statsPosition')

export const position = {
  /** Null before anything of this stream was folded. */
  async read(db: Db, stream: string): Promise<string | null> {
    const filter = { _id: stream }
    const found =
      (await positions(db).findOne(filter)) ??
      (await positions(db).findOneAndUpdate(filter, { $setOnInsert: { position: null } }, { upsert: true }))
    return found?.position ?? null
  },

  /** Moves on, unless somebody else has: compared and set. */
  async move(tx: Tx, stream: string, from: string | null, to: string): Promise<boolean> {
    return (await positions(tx).updateOne({ _id: stream, position: from }, { $set: { position: to } })) === 1
  },
}

const setAsides = (db: Db) => db.collection<SetAside>('setAsideEvents')

export const setAside = {
  /** Counts all, and keeps the beginnings of the newest. */
  async add(tx: Tx, stream: string, records: readonly SetAsideRecord[]): Promise<void> {
    if (records.length === 0) return
    const newest = records.slice(-SET_ASIDE_KEPT).map(({ payload, ...record }) => ({
      ...record,
      payload: payload.slice(0, SET_ASIDE_LENGTH).toWellFormed(),
    }))
    const update = { $inc: { count: records.length }, $push: { newest: { $each: newest, $slice: -SET_ASIDE_KEPT } } }
    await setAsides(tx).updateOne({ _id: stream }, update, { upsert: true })
  },

  of: (db: Db, stream: string): Promise<SetAside | null> => setAsides(db).findOne({ _id: stream }),
}

/** Up to `MAX_PAYLOADS` events; `_id` is the position of the first, `last` that of the last. */
export type StreamDocument = { _id: string; last: string; payloads: string[] }
/** `incarnation` is another one whenever the stream was made anew. */
type StreamEnd = { _id: 'appended' | 'trimmed'; at: number; incarnation?: string }

const MAX_PAYLOADS = 500
const streamDocuments = (db: Db) => db.collection<StreamDocument>('eventStream')
const streamEnds = (db: Db) => db.collection<StreamEnd>('eventStreamEnds')

/** The stream without Redis. The first event has the number 1; numbers have no gaps, save where somebody deleted documents. */
export const streamRows = {
  /** Makes what is missing of it; it goes on after the documents that are there, if any. */
  async create(db: Db): Promise<void> {
    const [first] = await streamDocuments(db).find({ _id: POSITION }, { sort: { _id: 1 }, limit: 1 })
    const [last] = await streamDocuments(db).find({ _id: POSITION }, { sort: { _id: -1 }, limit: 1 })
    const appended = { at: last ? Number(last.last) : 0, incarnation: randomUUID() }
    const isThere = await streamEnds(db).updateOne({ _id: 'appended' }, { $setOnInsert: appended }, { upsert: true })
    const trimmed = { at: first ? Number(first._id) - 1 : 0 }
    // One that is left of a stream before would hide what is appended from now on.
    const update = isThere ? { $setOnInsert: trimmed } : { $set: trimmed }
    await streamEnds(db).updateOne({ _id: 'trimmed' }, update, { upsert: true })
  },

  /** The last number that was given out, the last that was trimmed, and the incarnation of the stream. */
  async ends(db: Db): Promise<{ appended: number; trimmed: number; incarnation: string }> {
    const found = await streamEnds(db).find({})
    const [appended, trimmed] = (['appended', 'trimmed'] as const).map((id) => found.find(({ _id }) => _id === id))
    return { appended: appended?.at ?? 0, trimmed: trimmed?.at ?? 0, incarnation: appended?.incarnation ?? '' }
  },

  /**
   * Answers false, with nothing appended, when the stream is gone. Every append writes the same counter, so that no two
   * commit in another order than their numbers.
   */
  async append(tx: Tx, payloads: readonly string[]): Promise<boolean> {
    const end = await streamEnds(tx).findOneAndUpdate({ _id: 'appended' }, { $inc: { at: payloads.length } })
    if (!end) return false
    const first = end.at - payloads.length + 1
    await streamDocuments(tx).insertMany(
      [...chunksOf(payloads, MAX_PAYLOADS)].map((chunk, n) => {
        const number = first + n * MAX_PAYLOADS
        return { _id: positionText(number), last: positionText(number + chunk.length - 1), payloads: chunk }
      }),
    )
    return true
  },

  /** The documents that hold the numbers from `from` to `to`, and perhaps some before. */
  between: (db: Db, from: number, to: number): Promise<StreamDocument[]> =>
    streamDocuments(db).find(
      {
        _id: { $gt: positionText(Math.max(0, from - MAX_PAYLOADS)), $lte: positionText(to), ...POSITION },
      } as Filter<StreamDocument>,
      { sort: { _id: 1 } },
    ),

  /** The first number after `after` that a document begins with; undefined when there is none. */
  async nextAfter(db: Db, after: number): Promise<number | undefined> {
    const filter = { _id: { $gt: positionText(after), ...POSITION } } as Filter<StreamDocument>
    const [next] = await streamDocuments(db).find(filter, { sort: { _id: 1 }, limit: 1, projection: { _id: 1 } })
    return next && Number(next._id)
  },

  async trim(db: Db, upTo: number): Promise<void> {
    await streamEnds(db).updateOne({ _id: 'trimmed' }, { $max: { at: upTo } })
    const text = positionText(upTo)
    await streamDocuments(db).deleteMany({ _id: { $lte: text }, last: { $lte: text } })
  },
}

/** What somebody else may have put there is no document of the stream. */
const POSITION = { $regex: /^\d{16}$/ }

/** Sorts as text as it does as a number. */
export const positionText = (number: number) => String(number).padStart(16, '0')

function* chunksOf<T>(items: readonly T[], size = CHUNK): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
