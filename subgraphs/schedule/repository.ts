// The collections of slots, and of schedules and their revisions. Nothing else touches them.

import { AlkaidError, badInput, notFound } from '../../common/base/errors.ts'
import { isId } from '../../common/base/ids.ts'
import type { SlotFormat } from '../../common/formats/format.ts'
import type { Db, IndexDefinition, Tx } from '../../common/store/collection.ts'
import { findByIds } from '../../common/store/collection.ts'
import { type Head, type Revision, revisionedRepository } from '../../common/store/revisioned.ts'
import type { DayPart, FrequencyCap } from '../../engine/publication/types.ts'

export type Slot = {
  _id: string
  app: string
  code: string
  version: number
  name: string
  capacity: number
  rotationSeconds: number
  /** Ids of creatives, in order. */
  fallback: string[]
  /** What a creative in it must have; null: anything goes. */
  format: SlotFormat | null
  /** How often one user may be served anything in it but its fallback. */
  caps: FrequencyCap[]
  /** Ids of the creatives that it serves as its fallback; delivery writes them. */
  pinnedFallback: string[]
  /** Since when it is hidden, and cannot be used in anything new. */
  archivedAt: Date | null
  /** +1 by what is published in it for the first time, so that it collides with archiving the slot. */
  guard: number
  createdAt: Date
  createdBy: string
}

export type DeliveryState = 'NONE' | 'LIVE' | 'PAUSED' | 'WITHDRAWN'

export type ScheduleContent = {
  name: string
  creatives: { creative: string; weight: number }[]
  strategy: string | null
  startsAt: Date | null
  endsAt: Date | null
  priority: number
  weight: number
  /** IANA zone of its days and times of day. */
  zone: string
  dayParts: DayPart[]
  /** As `2026-12-24`, ascending. */
  excludedDates: string[]
  /** RFC 5545 RRULE of days; null: every day. */
  recurrence: string | null
  /** Alone in its slot while it matches. */
  exclusive: boolean
}

/** What is pinned of a schedule: the revision of itself, and the ids of all that it uses, segments in segments too. */
export type Pinned = { revision: number; creatives: string[]; strategy: string | null; segments: string[] }

/** The ids of all that is pinned of a schedule beside itself. */
export function idsPinned({ creatives, strategy, segments }: Pinned): string[] {
  return [...creatives, ...(strategy === null ? [] : [strategy]), ...segments]
}

/**
 * The id of the slot, for ever; and whether the schedule is published, and with what. Delivery writes that along with the
 * pin itself, so that lists can be narrowed by it and rules know what is live. `pinned` null: neither live nor paused.
 */
export type ScheduleMore = { slot: string; deliveryState: DeliveryState; pinned: Pinned | null }

export type Schedule = Head<ScheduleContent, ScheduleMore>

const revisioned = revisionedRepository<ScheduleContent, ScheduleMore>({
  kind: 'schedule',
  what: 'schedule',
  heads: 'schedules',
  revisions: 'scheduleRevisions',
})

const READS_AT_ONCE = 8

export const schedules = {
  ...revisioned,

  indexes: [
    ...revisioned.indexes,
    { collection: 'schedules', key: { slot: 1, _id: -1 } },
    { collection: 'schedules', key: { 'content.creatives.creative': 1, _id: -1 } },
    { collection: 'schedules', key: { 'content.strategy': 1, _id: -1 } },
    { collection: 'scheduleRevisions', key: { id: 1, 'content.creatives.creative': 1 } },
    { collection: 'schedules', key: { 'pinned.creatives': 1, _id: -1 } },
    { collection: 'schedules', key: { 'pinned.strategy': 1, _id: -1 } },
    { collection: 'schedules', key: { 'pinned.segments': 1, _id: -1 } },
  ] as IndexDefinition[],

  /** Of schedules and creatives, those of which some revision has the creative. One of its revisions is looked at for each. */
  async everHad(
    db: Db,
    pairs: readonly { schedule: string; creative: string }[],
  ): Promise<(schedule: string, creative: string) => boolean> {
    const keyOf = (schedule: string, creative: string) => JSON.stringify([schedule, creative])
    const wanted = new Map(pairs.map((pair) => [keyOf(pair.schedule, pair.creative), pair]))
    const had = new Set<string>()
    const revisions = db.collection<Revision<ScheduleContent>>('scheduleRevisions')
    const entries = wanted.entries()
    const lookUp = async () => {
      for (const [key, { schedule: id, creative }] of entries) {
        const filter = { id, 'content.creatives.creative': creative }
        if (await revisions.findOne(filter, { projection: { _id: 1 } })) had.add(key)
      }
    }
    await Promise.all(Array.from({ length: READS_AT_ONCE }, lookUp))
    return (schedule, creative) => had.has(keyOf(schedule, creative))
  },

  /** For each slot (its id) those booked in it that pass the filter, newest first: one read for all the slots. */
  async pageInEach(
    db: Db,
    slotIds: readonly string[],
    filter: object,
    page: { limit: number; before?: string | undefined },
  ): Promise<Map<string, Schedule[]>> {
    const older = page.before === undefined ? [] : [{ $match: { _id: { $lt: page.before } } }]
    const pipeline = [...older, { $match: filter }, { $sort: { _id: -1 } }, { $limit: page.limit }]
    const booked = { from: 'schedules', localField: '_id', foreignField: 'slot', pipeline, as: 'schedules' }
    const found = await slotCollection(db).aggregate<{ _id: string; schedules: Schedule[] }>([
      { $match: { _id: { $in: slotIds } } },
      { $project: { _id: 1 } },
      { $lookup: booked },
    ])
    return new Map(found.map(({ _id, schedules }) => [_id, schedules]))
  },

  /** slot (its id) -> how many booked in it pass the filter; a slot without any is left out. */
  async countInEach(db: Db, slotIds: readonly string[], filter: object): Promise<Map<string, number>> {
    const pipeline = [
      { $match: { $and: [{ slot: { $in: slotIds } }, filter] } },
      { $group: { _id: '$slot', count: { $sum: 1 } } },
    ]
    const found = await db.collection<Schedule>('schedules').aggregate<{ _id: string; count: number }>(pipeline)
    return new Map(found.map(({ _id, count }) => [_id, count]))
  },
}

/** NOT_FOUND, with the path of the name. */
export function noSlot(name: string, path: string): AlkaidError {
  const { message } = notFound('slot', name)
  return new AlkaidError('NOT_FOUND', `${path}: ${message}: name one by its code (home.banner) or its id (slt_...)`, {
    path,
  })
}

const slotCollection = (db: Db) => db.collection<Slot>('slots')
const isSlotId = (name: string) => isId('slot', name)
/** The id or code in a name of a slot of this app, which may be `<app>/<code>`. */
const slotKey = (app: string, name: string) => (name.startsWith(`${app}/`) ? name.slice(app.length + 1) : name)
/** In a message. */
const MOST_APPS_NAMED = 5

export const slots = {
  indexes: [
    { collection: 'slots', key: { app: 1, code: 1 }, options: { unique: true } },
    { collection: 'slots', key: { code: 1 } },
    { collection: 'slots', key: { pinnedFallback: 1 } },
  ] as IndexDefinition[],

  insert: (tx: Tx, slot: Slot) => slotCollection(tx).insertOne(slot),

  async require(db: Db, id: string): Promise<Slot> {
    const slot = await slotCollection(db).findOne({ _id: id })
    if (!slot) throw notFound('slot', id)
    return slot
  },

  /** A mutation of the slot itself: +1 on the version, so that two of one version collide, and what `set` says. */
  async touch(tx: Tx, { _id, version }: Slot, set: Partial<Slot> = {}): Promise<Slot> {
    const changed = Object.keys(set).length > 0 ? { $set: set } : {}
    return (await slotCollection(tx).findOneAndUpdate({ _id, version }, { ...changed, $inc: { version: 1 } }))!
  },

  /** Makes this transaction collide with every other that changes the slot, and with its like. */
  async guard(tx: Tx, id: string): Promise<void> {
    await slotCollection(tx).updateOne({ _id: id }, { $inc: { guard: 1 } })
  },

  /** Sets what delivery has pinned of it, without being a mutation of the slot itself. */
  async setPinned(tx: Tx, id: string, pinnedFallback: string[]): Promise<void> {
    await slotCollection(tx).updateOne({ _id: id }, { $set: { pinnedFallback } })
  },

  byCode: (db: Db, app: string, code: string): Promise<Slot | null> => slotCollection(db).findOne({ app, code }),

  /** In the order of the ids; null where there is none. */
  byIds: (db: Db, ids: readonly string[]): Promise<(Slot | null)[]> => findByIds(slotCollection(db), ids),

  /** name -> the slot of the app that it names: by its id, by its code, or by `<app>/<code>`. In one read. */
  async namedIn(db: Db, app: string, names: readonly string[]): Promise<Map<string, Slot>> {
    const keys = new Map(names.map((name) => [name, slotKey(app, name)]))
    const [ids, codes] = [[...keys.values()].filter(isSlotId), [...keys.values()].filter((key) => !isSlotId(key))]
    const found = await slotCollection(db).find({ app, $or: [{ _id: { $in: ids } }, { code: { $in: codes } }] })
    const byKey = new Map(found.flatMap((slot) => [[slot._id, slot] as const, [slot.code, slot] as const]))
    return new Map([...keys].flatMap(([name, key]) => (byKey.has(key) ? [[name, byKey.get(key)!] as const] : [])))
  },

  /** What a name of a slot of this app says of it, for documents that have the id and the code of their slot. */
  keyIn(app: string, name: string): { id: string } | { code: string } {
    const key = slotKey(app, name)
    return isSlotId(key) ? { id: key } : { code: key }
  },

  /** The slot of an app that is named at `path`; NOT_FOUND when there is none. */
  async requireIn(db: Db, app: string, name: string, path: string): Promise<Slot> {
    const slot = (await slots.namedIn(db, app, [name])).get(name)
    if (!slot) throw noSlot(name, path)
    return slot
  },

  /**
   * The slot that is named at `path`, where nothing says of which app. A code alone names the one slot of the apps that the
   * caller may read; where it is one of several, BAD_USER_INPUT says how to name it. NOT_FOUND when there is none.
   */
  async requireNamed(db: Db, name: string, path: string, mayRead: (app: string) => boolean): Promise<Slot> {
    const app = name.includes('/') ? name.slice(0, name.indexOf('/')) : undefined
    if (app !== undefined && mayRead(app)) return slots.requireIn(db, app, name, path)
    const found = await slotCollection(db).find(isSlotId(name) ? { _id: name } : { code: name })
    const [slot, ...others] = isSlotId(name) ? found : found.filter(({ app }) => mayRead(app))
    if (!slot) throw noSlot(name, path)
    if (others.length === 0) return slot
    const apps = [slot, ...others].slice(0, MOST_APPS_NAMED).map(({ app }) => `${app}/${name}`)
    throw badInput(path, `names a slot in several apps: write which, as ${apps.join(' or ')}, or its id`)
  },

  /** Those of an app that pass the filter, by code; `after` is the code after which the page begins. */
  page(db: Db, app: string, filter: object, page: { limit: number; after?: string | undefined }): Promise<Slot[]> {
    const rest = page.after === undefined ? {} : { code: { $gt: page.after } }
    return slotCollection(db).find({ app, ...filter, ...rest }, { sort: { code: 1 }, limit: page.limit })
  },

  count: (db: Db, app: string, filter: object): Promise<number> => slotCollection(db).count({ app, ...filter }),
}
