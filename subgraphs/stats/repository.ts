// The collections of stats: rollups (counts by period), tallies (events accepted and refused by day), the ids of events that
// were counted, the worker's position in the stream, and the records that it set aside. Nothing else touches them.

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
/** Only minutes have `expiresAt`. Hours and days are kept for ever. */
type Rollup = Omit<RollupKey, keyof Span | 'within'> &
  StoredSpan &
  Counts & { _id: string; within: StoredSpan | null; expiresAt?: Date }
type TallyDocument = Tally & { _id: string; app: string; at: Date }
type SeenEvent = { _id: string; acceptedAt: Date; expiresAt: Date }
/** `_id` is the name of the stream. */
type Position = { _id: string; position: string | null }
/** A record of the stream that could not be folded. `payload` is cut to its beginning. */
export type SetAsideRecord = { position: string; reason: string; payload: string; at: Date }
/** `_id` is the name of the stream. `count` counts all of its records that were set aside. */
type SetAside = { _id: string; count: number; newest: SetAsideRecord[] }

/** How long the rollup of a minute is kept after its first event was counted. */
const MINUTES_KEPT_MS = 30 * DAY_MS
/** Longer than `DUPLICATE_MS`, so that a worker that was down for some hours still finds duplicates. */
const SEEN_KEPT_MS = DUPLICATE_MS + 6 * HOUR_MS
/** Statements per command. So each command ends well before the socket times out. */
const CHUNK = 1_000
/** How many of the records that were set aside are kept, and how many UTF-16 units of each. */
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

/** Which rollups are added up, and by what. `from` and `to` are ms since the Unix epoch. */
export type SumQuery = {
  by: Subject
  app?: string
  ids?: readonly string[] | undefined
  from: number
  to: number
  /** The maximum number of rows. */
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

  /** The sums of each whole period of `unit` that overlaps [from, to). In no order. */
  async byPeriod(db: Db, { unit, from, to, ...query }: SumQuery & { unit: Unit }): Promise<Sum[]> {
    const begun = { $gt: new Date(from - LONGEST_MS[unit]), $lt: new Date(to) }
    const found = await addUp(db, query, { at: '$at' }, [{ unit, at: begun, until: { $gt: new Date(from) } }])
    return found.map(({ _id, ...sum }) => ({ ..._id, ...sum }))
  },

  /** The parts of the total of [from, to), see `total.ts`. In no order. */
  async parts(db: Db, { from, to, ...query }: SumQuery): Promise<Part[]> {
    const found = await addUp(db, query, partExpressions(from, to), partFilters(from, to))
    return found.map(({ _id, ...sum }) => ({ ..._id, ...sum }) as Part)
  },
}

/** Adds up the rollups that match at least one filter, for each app, id and value of `group`. */
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

  /** The tally of the day that begins at `at`, in the time zone of the app. */
  of: (db: Db, app: string, at: number): Promise<TallyDocument | null> =>
    db.collection<TallyDocument>('eventTallies').findOne({ _id: `${app}|${at}` }),
}

export const seenEvents = {
  /** Key -> when its event was accepted (ms since the Unix epoch), for those of the keys that were counted before. */
  async among(tx: Tx, keys: readonly string[]): Promise<Map<string, number>> {
    const found = await tx
      .collection<SeenEvent>(SEEN)
      .find({ _id: { $in: [...keys] } }, { projection: { acceptedAt: 1 } })
    return new Map(found.map(({ _id, acceptedAt }) => [_id, acceptedAt.getTime()]))
  },

  /** Remembers the events that were counted. `before` is the result of `among`: those documents exist and are updated. */
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
  /** Null when nothing of this stream was folded yet. */
  async read(db: Db, stream: string): Promise<string | null> {
    const filter = { _id: stream }
    const found =
      (await positions(db).findOne(filter)) ??
      (await positions(db).findOneAndUpdate(filter, { $setOnInsert: { position: null } }, { upsert: true }))
    return found?.position ?? null
  },

  /** Compare and set: returns false, and changes nothing, when another worker has moved the position. */
  async move(tx: Tx, stream: string, from: string | null, to: string): Promise<boolean> {
    return (await positions(tx).updateOne({ _id: stream, position: from }, { $set: { position: to } })) === 1
  },
}

const setAsides = (db: Db) => db.collection<SetAside>('setAsideEvents')

export const setAside = {
  /** Counts all records, and keeps the beginnings of the newest. */
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

function* chunksOf<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += CHUNK) yield items.slice(at, at + CHUNK)
}
