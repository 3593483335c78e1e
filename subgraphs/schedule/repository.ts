// The collections of slots, schedules and revisions of schedules. Nothing else touches them.

import { AlkaidError, badInput, notFound } from '../../common/base/errors.ts'
import { isId } from '../../common/base/ids.ts'
import type { SlotFormat } from '../../common/formats/format.ts'
import type { LivePlaces } from '../../common/store/archived.ts'
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
  /** After how many seconds without the channel a node shows only the fallback. Null, or missing in older documents: never. */
  maxStaleSeconds?: number | null
  /** Ids of creatives, in order. */
  fallback: string[]
  /** What a creative must have to be shown here; null: anything. */
  format: SlotFormat | null
  /** How often one user may be served anything in the slot, except its fallback. */
  caps: FrequencyCap[]
  /** Ids of the creatives that are published as its fallback. Delivery writes them. */
  pinnedFallback: string[]
  /** When it was archived. An archived slot is hidden and cannot be used in anything new. */
  archivedAt: Date | null
  /** +1 whenever something is published in it for the first time. So that transaction conflicts with one that archives the slot. */
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
  /** The IANA time zone of its days and times of day. */
  zone: string
  dayParts: DayPart[]
  /** As `2026-12-24`, ascending. */
  excludedDates: string[]
  /** The days on which it is shown, as an RRULE of RFC 5545; null: every day. */
  recurrence: string | null
  /** Whether nothing else is shown in the slot while it matches. */
  exclusive: boolean
}

/** What is pinned of a schedule: its own revision, and the ids of all that it uses, including segments inside segments. */
export type Pinned = { revision: number; creatives: string[]; strategy: string | null; segments: string[] }

/** The ids of everything that the pinned schedule uses. */
export function idsPinned({ creatives, strategy, segments }: Pinned): string[] {
  return [...creatives, ...(strategy === null ? [] : [strategy]), ...segments]
}

/**
 * `slot` is the id of the slot and never changes. Delivery writes the other two together with the pin itself, so that lists can
 * filter by them and rules know what is live. `pinned` null: the schedule is neither live nor paused.
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

  /** For pairs of a schedule and a creative: whether a revision of the schedule has the creative. One read for each pair. */
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

  /** Slot id -> a page of the schedules booked in it that match the filter, newest first. One read for all slots. */
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

  /** Slot id -> how many schedules booked in it match the filter. A slot without any is left out. */
  async countInEach(db: Db, slotIds: readonly string[], filter: object): Promise<Map<string, number>> {
    const pipeline = [
      { $match: { $and: [{ slot: { $in: slotIds } }, filter] } },
      { $group: { _id: '$slot', count: { $sum: 1 } } },
    ]
    const found = await db.collection<Schedule>('schedules').aggregate<{ _id: string; count: number }>(pipeline)
    return new Map(found.map(({ _id, count }) => [_id, count]))
  },
}

/** The error for a name that no slot has. `path` is the path of the name. */
export function noSlot(name: string, path: string): AlkaidError {
  const { message } = notFound('slot', name)
  return new AlkaidError('NOT_FOUND', `${path}: ${message}: name one by its code (home.banner) or its id (slt_...)`, {
    path,
  })
}

const slotCollection = (db: Db) => db.collection<Slot>('slots')
const isSlotId = (name: string) => isId('slot', name)
/** The id or code in the name of a slot. `shop/home.banner` of the app `shop` gives `home.banner`. */
const slotKey = (app: string, name: string) => (name.startsWith(`${app}/`) ? name.slice(app.length + 1) : name)
/** How many apps an error message lists. */
const MAX_APPS_LISTED = 5

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

  /** Writes `set` and adds 1 to the version. Of two mutations that read the same version, only one succeeds. */
  async touch(tx: Tx, { _id, version }: Slot, set: Partial<Slot> = {}): Promise<Slot> {
    const changed = Object.keys(set).length > 0 ? { $set: set } : {}
    return (await slotCollection(tx).findOneAndUpdate({ _id, version }, { ...changed, $inc: { version: 1 } }))!
  },

  /** Makes this transaction conflict with every other one that changes or guards the slot. */
  async guard(tx: Tx, id: string): Promise<void> {
    await slotCollection(tx).updateOne({ _id: id }, { $inc: { guard: 1 } })
  },

  /** Sets the pinned fallback. The version stays, because the slot itself does not change. */
  async setPinned(tx: Tx, id: string, pinnedFallback: string[]): Promise<void> {
    await slotCollection(tx).updateOne({ _id: id }, { $set: { pinnedFallback } })
  },

  byCode: (db: Db, app: string, code: string): Promise<Slot | null> => slotCollection(db).findOne({ app, code }),

  /** In the order of the ids; null for an id that does not exist. */
  byIds: (db: Db, ids: readonly string[]): Promise<(Slot | null)[]> => findByIds(slotCollection(db), ids),

  /** Name -> slot of the app. A name is an id, a code, or `<app>/<code>`. One read for all names. */
  async namedIn(db: Db, app: string, names: readonly string[]): Promise<Map<string, Slot>> {
    const keys = new Map(names.map((name) => [name, slotKey(app, name)]))
    const [ids, codes] = [[...keys.values()].filter(isSlotId), [...keys.values()].filter((key) => !isSlotId(key))]
    const found = await slotCollection(db).find({ app, $or: [{ _id: { $in: ids } }, { code: { $in: codes } }] })
    const byKey = new Map(found.flatMap((slot) => [[slot._id, slot] as const, [slot.code, slot] as const]))
    return new Map([...keys].flatMap(([name, key]) => (byKey.has(key) ? [[name, byKey.get(key)!] as const] : [])))
  },

  /** The id or the code in a name, for documents that store both the id and the code of their slot. */
  keyIn(app: string, name: string): { id: string } | { code: string } {
    const key = slotKey(app, name)
    return isSlotId(key) ? { id: key } : { code: key }
  },

  /** Finds a slot of the app by name. @throws AlkaidError NOT_FOUND with the path when there is none. */
  async requireIn(db: Db, app: string, name: string, path: string): Promise<Slot> {
    const slot = (await slots.namedIn(db, app, [name])).get(name)
    if (!slot) throw noSlot(name, path)
    return slot
  },

  /**
   * Finds a slot by name when the app is not known. A code alone is enough when only one app that the caller may read has it.
   *
   * @throws AlkaidError NOT_FOUND when there is none; BAD_USER_INPUT when several apps have the code, with the names to use.
   */
  async requireNamed(db: Db, name: string, path: string, mayRead: (app: string) => boolean): Promise<Slot> {
    const app = name.includes('/') ? name.slice(0, name.indexOf('/')) : undefined
    if (app !== undefined && mayRead(app)) return slots.requireIn(db, app, name, path)
    const found = await slotCollection(db).find(isSlotId(name) ? { _id: name } : { code: name })
    const [slot, ...others] = isSlotId(name) ? found : found.filter(({ app }) => mayRead(app))
    if (!slot) throw noSlot(name, path)
    if (others.length === 0) return slot
    const apps = [slot, ...others].slice(0, MAX_APPS_LISTED).map(({ app }) => `${app}/${name}`)
    throw badInput(path, `names a slot in several apps: write which, as ${apps.join(' or ')}, or its id`)
  },

  /** The slots of an app that match the filter, by code. The page begins after the code `after`. */
  page(db: Db, app: string, filter: object, page: { limit: number; after?: string | undefined }): Promise<Slot[]> {
    const rest = page.after === undefined ? {} : { code: { $gt: page.after } }
    return slotCollection(db).find({ app, ...filter, ...rest }, { sort: { code: 1 }, limit: page.limit })
  },

  count: (db: Db, app: string, filter: object): Promise<number> => slotCollection(db).count({ app, ...filter }),
}

/** How many schedules and how many slots an error lists. */
const MAX_PLACES_LISTED = 20

/** Kind of thing -> the field of a schedule in which live things of that kind are named. */
const PINNED_IN = { CREATIVE: 'pinned.creatives', STRATEGY: 'pinned.strategy', SEGMENT: 'pinned.segments' } as const

/** Where a creative, strategy or segment is live: in live and paused schedules, and in the published fallback of slots. */
export async function placesOf(tx: Tx, kind: keyof typeof PINNED_IN, id: string): Promise<LivePlaces> {
  const inSchedules = await livePage(tx, { [PINNED_IN[kind]]: id })
  if (kind !== 'CREATIVE') return { ...inSchedules, slots: [] }
  const fallback = { pinnedFallback: id }
  const found = await slotCollection(tx).find(fallback, { projection: { _id: 1 }, limit: MAX_PLACES_LISTED })
  const slots = found.map(({ _id }) => _id)
  return { ...inSchedules, slots, total: inSchedules.total + (await slotCollection(tx).count(fallback)) }
}

/** What is live in a slot: its live and paused schedules, and the slot itself when it has a published fallback. */
export async function placesInSlot(tx: Tx, { _id, pinnedFallback }: Slot): Promise<LivePlaces> {
  const { schedules, total } = await livePage(tx, { slot: _id, pinned: { $ne: null } })
  const slots = pinnedFallback.length > 0 ? [_id] : []
  return { schedules, slots, total: total + slots.length }
}

/** Where a schedule is live: in itself, unless nothing of it is pinned. */
export async function placesOfSchedule(_tx: Tx, { _id, deliveryState }: Schedule): Promise<LivePlaces> {
  const isLive = deliveryState === 'LIVE' || deliveryState === 'PAUSED'
  return { schedules: isLive ? [_id] : [], slots: [], total: isLive ? 1 : 0 }
}

async function livePage(tx: Tx, filter: object): Promise<{ schedules: string[]; total: number }> {
  const collection = tx.collection<{ _id: string }>('schedules')
  const found = await collection.find(filter, { sort: { _id: -1 }, projection: { _id: 1 }, limit: MAX_PLACES_LISTED })
  return { schedules: found.map(({ _id }) => _id), total: await collection.count(filter) }
}
