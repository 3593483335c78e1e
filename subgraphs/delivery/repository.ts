// The collections of pins, slot heads and publications. Nothing else touches them.

import type { Filter } from 'mongodb'
import type { Collection, Db, IndexDefinition, Tx } from '../../common/store/collection.ts'
import { findByIds } from '../../common/store/collection.ts'
import { periodFilter } from '../../common/store/filters.ts'
import { type FrequencyCap, type Pin, type Publication, pinText, type Stamp } from '../../engine/publication/types.ts'
import type { SubjectKind } from '../audit/repository.ts'
import type { ScheduleMore } from '../schedule/repository.ts'

export type WeightedPin = Pin & { weight: number }

/** What a slot serves of one schedule, at exact revisions. */
export type PinnedEntry = {
  schedule: Pin
  creatives: WeightedPin[]
  strategy: Pin | null
  /** All segments that the strategy uses, also through other segments. */
  segments: Pin[]
}

/** The pinned revisions of a live or paused schedule. Withdrawing the schedule deletes it. */
export type SchedulePin = PinnedEntry & {
  /** The id of the schedule. */
  _id: string
  app: string
  slot: string
  state: 'LIVE' | 'PAUSED'
  publishedAt: Date
  publishedBy: string
}

/** The fields of the schedule itself that repeat its pin. Null: the pin was dropped. */
export function shownPin(pin: SchedulePin | null): Pick<ScheduleMore, 'deliveryState' | 'pinned'> {
  if (!pin) return { deliveryState: 'WITHDRAWN', pinned: null }
  const pinned = {
    revision: pin.schedule.revision,
    creatives: idsOf(pin.creatives),
    strategy: pin.strategy?.id ?? null,
    segments: idsOf(pin.segments),
  }
  return { deliveryState: pin.state, pinned }
}

export function idsOf(pins: readonly Pin[]): string[] {
  return pins.map(({ id }) => id)
}

/** The slot's own settings that are on the nodes. */
export type SlotSettings = {
  capacity: number
  rotationSeconds: number
  /** Missing in older documents: null. */
  maxStaleSeconds?: number | null
  caps: FrequencyCap[]
  fallback: Pin[]
}

/** One for each slot. Every command that composes the slot writes it, so that two of them collide. */
export type SlotHead = SlotSettings &
  Stamp & {
    /** The id of the slot. */
    _id: string
    app: string
    code: string
    stopped: boolean
    /** The id of the latest publication. */
    latest: string
  }

export type PublicationRow = Stamp & {
  _id: string
  app: string
  /** The id of the slot. */
  slot: string
  code: string
  /** The document for the nodes. Null after ten newer publications; the pins and the hash are kept. */
  body: Publication | null
  pins: SlotSettings & { stopped: boolean; entries: PinnedEntry[] }
  /** SHA-256 (hex) of the body. */
  hash: string
  /** Sentences for the person who made it. */
  warnings: string[]
  /** Left out unless a rollback made it. */
  rollback?: Rollback
  publishedBy: string
  publishedAt: Date
}

/** `to`: the revision of the earlier publication. */
export type Rollback = { to: number; leftOut: LeftOut[] }

/** What a rollback left out. `schedule`: the id of the schedule that had it; null: the fallback. */
export type LeftOut = { pin: Pin; schedule: string | null; reason: 'REVOKED' | 'ARCHIVED' | 'SLOT_ARCHIVED' | 'FORMAT' }

/** A publication without its body, which can have 2 MB. */
export type PublicationRecord = Omit<PublicationRow, 'body'>

/** Narrows a list of publications. They were made in [from, to). An undefined field does not narrow. */
export type PublicationFilter = {
  app: string
  /** One slot, by its id or its code. */
  slot: { id: string } | { code: string } | undefined
  from: Date | undefined
  to: Date | undefined
}

/** One use of `takeDown`: what it was told, and what it touched. */
export type Takedown = {
  _id: string
  app: string
  reason: string
  by: string
  at: Date
  /** The reviews whose approvals it revoked. */
  reviews: string[]
  /** The creatives that were taken down. Empty when a schedule was. */
  creatives: string[]
  /** The schedules that had something of it pinned. */
  schedules: string[]
  /** When it was first seen that no node serves it any more. */
  droppedAt: Date | null
}

const BODIES_KEPT = 10

const pinCollection = (db: Db) => db.collection<SchedulePin>('pins')
const headCollection = (db: Db) => db.collection<SlotHead>('slotHeads')
const publicationCollection = (db: Db) => db.collection<PublicationRow>('publications')

export const deliveryIndexes: IndexDefinition[] = [
  { collection: 'pins', key: { slot: 1, state: 1 } },
  { collection: 'pins', key: { 'creatives.id': 1 } },
  { collection: 'pins', key: { 'strategy.id': 1 } },
  { collection: 'pins', key: { 'segments.id': 1 } },
  { collection: 'pins', key: { 'schedule.id': 1 } },
  { collection: 'slotHeads', key: { app: 1, code: 1 } },
  { collection: 'slotHeads', key: { 'fallback.id': 1 } },
  { collection: 'publications', key: { slot: 1, revision: -1, epoch: -1 }, options: { unique: true } },
  { collection: 'publications', key: { app: 1, _id: -1 } },
  { collection: 'publications', key: { app: 1, code: 1, _id: -1 } },
]

export const pins = {
  get: (db: Db, schedule: string): Promise<SchedulePin | null> => pinCollection(db).findOne({ _id: schedule }),

  /** In the order of the ids; null where there is none. */
  byIds: (db: Db, schedules: readonly string[]) => findByIds(pinCollection(db), schedules),

  async live(tx: Tx, slot: string): Promise<SchedulePin[]> {
    return pinCollection(tx).find({ slot, state: 'LIVE' }, { sort: { _id: 1 } })
  },

  /** The live and paused pins of a slot. `of`: only those that contain this revision. */
  ofSlot: (tx: Tx, slot: string, of?: RevisionOf): Promise<SchedulePin[]> =>
    pinCollection(tx).find({ slot, ...(of && pinning(of)) }, { sort: { _id: 1 } }),

  async put(tx: Tx, { _id, ...pin }: SchedulePin): Promise<void> {
    await pinCollection(tx).updateOne({ _id }, { $set: pin }, { upsert: true })
  },

  async remove(tx: Tx, schedule: string): Promise<void> {
    await pinCollection(tx).deleteMany({ _id: schedule })
  },
}

export const slotHeads = {
  get: (db: Db, slot: string): Promise<SlotHead | null> => headCollection(db).findOne({ _id: slot }),

  /** The head of a slot of the app, by the slot's id or code. */
  named: (db: Db, app: string, slot: { id: string } | { code: string }): Promise<SlotHead | null> =>
    headCollection(db).findOne({ app, ...('id' in slot ? { _id: slot.id } : { code: slot.code }) }),

  /** In the order of the ids; null where there is none. */
  byIds: (db: Db, slots: readonly string[]) => findByIds(headCollection(db), slots),

  ofApp: (db: Db, app: string): Promise<SlotHead[]> =>
    headCollection(db).find({ app }, { sort: { code: 1 }, projection: { fallback: 0 } }),

  /** The ids of all slots in which something was ever published. */
  async allIds(db: Db): Promise<string[]> {
    return (await headCollection(db).find({}, { projection: { _id: 1 } })).map(({ _id }) => _id)
  },

  insert: (tx: Tx, head: SlotHead) => headCollection(tx).insertOne(head),

  async set(tx: Tx, slot: string, change: SlotSettings | { stopped: boolean }): Promise<void> {
    await headCollection(tx).updateOne({ _id: slot }, { $set: change })
  },

  /** Takes the next revision. The epoch never falls, even when a process still works in an older one. */
  async advance(tx: Tx, slot: string, next: { epoch: number; latest: string }): Promise<SlotHead> {
    const { epoch, latest } = next
    const update = { $set: { latest }, $max: { epoch }, $inc: { revision: 1 } }
    return (await headCollection(tx).findOneAndUpdate({ _id: slot }, update))!
  },
}

export const publications = {
  /** Inserts it, and drops the body of the publication ten revisions before. */
  async insert(tx: Tx, publication: PublicationRow): Promise<void> {
    await publicationCollection(tx).insertOne(publication)
    const { slot, revision } = publication
    await publicationCollection(tx).updateMany({ slot, revision: revision - BODIES_KEPT }, { $set: { body: null } })
  },

  /** In the order of the ids; null where there is none. */
  records: (db: Db, ids: readonly string[]): Promise<(PublicationRecord | null)[]> =>
    findByIds(publicationCollection(db), ids, { body: 0 }),

  /** With their bodies, in the order of the ids; null where there is none. */
  byIds: (db: Db, ids: readonly string[]): Promise<(PublicationRow | null)[]> =>
    findByIds(publicationCollection(db), ids),

  /** One publication of a slot, without its body. */
  ofRevision: (db: Db, slot: string, revision: number): Promise<PublicationRecord | null> =>
    publicationCollection(db).findOne({ slot, revision }, { projection: { body: 0 } }),

  /** The publications of a slot with these revisions, without their bodies. */
  async ofRevisions(db: Db, slot: string, revisions: readonly number[]): Promise<PublicationRecord[]> {
    if (revisions.length === 0) return []
    return publicationCollection(db).find({ slot, revision: { $in: [...revisions] } }, { projection: { body: 0 } })
  },

  /** Newest first (ids sort by time), without their bodies. The page begins after the id `before`. */
  page(
    db: Db,
    filter: PublicationFilter,
    { limit, before }: { limit: number; before?: string | undefined },
  ): Promise<PublicationRecord[]> {
    const older = before === undefined ? {} : { _id: { $lt: before } }
    const options = { sort: { _id: -1 }, limit, projection: { body: 0 } } as const
    return publicationCollection(db).find({ ...narrowed(filter), ...older }, options)
  },

  count: (db: Db, filter: PublicationFilter): Promise<number> => publicationCollection(db).count(narrowed(filter)),
}

function narrowed({ app, slot, from, to }: PublicationFilter): Filter<PublicationRow> {
  return {
    app,
    ...(slot && ('id' in slot ? { slot: slot.id } : { code: slot.code })),
    ...periodFilter({ from, to }, 'publishedAt'),
  }
}

const takedownCollection = (db: Db) => db.collection<Takedown>('takedowns')

export const takedowns = {
  insert: (tx: Tx, takedown: Takedown) => takedownCollection(tx).insertOne(takedown),

  /** In the order of the ids; null where there is none. */
  byIds: (db: Db, ids: readonly string[]): Promise<(Takedown | null)[]> => findByIds(takedownCollection(db), ids),

  /** Notes when no node served it any more. The first note stays. */
  async setDropped(db: Db, id: string, droppedAt: Date): Promise<void> {
    await takedownCollection(db).updateOne({ _id: id, droppedAt: null }, { $set: { droppedAt } })
  },
}

/** An exact revision of a thing of some kind. */
export type RevisionOf = { kind: SubjectKind; pin: Pin }

/** The ids of the slots in which an exact revision is pinned: in the pin of a live or paused schedule, or in the fallback. */
export async function slotsThatPin(db: Db, of: RevisionOf): Promise<string[]> {
  const { id, revision } = of.pin
  const pinned = await pinCollection(db).find(pinning(of), { projection: { slot: 1 } })
  const slots = pinned.map(({ slot }) => slot)
  if (of.kind === 'CREATIVE') {
    const fallback = { 'fallback.id': id, fallback: { $elemMatch: { id, revision } } }
    slots.push(...(await headCollection(db).find(fallback, { projection: { _id: 1 } })).map(({ _id }) => _id))
  }
  return [...new Set(slots)].sort()
}

/** Where one revision is pinned: the ids of the newest places, and the number of all places. */
export type PinnedIn = { app: string; ids: string[]; total: number }

/** `<id>@<revision>` -> the schedules that have it pinned, in one read. Revisions that are pinned nowhere are left out. */
export function schedulesThatPin(db: Db, kind: SubjectKind, pins: readonly Pin[], limit: number) {
  return pinnedIn(pinCollection(db), PINNED_AT[kind], pins, limit)
}

/** `<id>@<revision>` -> the slots that have it pinned in their fallback. */
export function slotsThatFallBackTo(db: Db, pins: readonly Pin[], limit: number) {
  return pinnedIn(headCollection(db), 'fallback', pins, limit)
}

const PINNED_AT = { SCHEDULE: 'schedule', CREATIVE: 'creatives', STRATEGY: 'strategy', SEGMENT: 'segments' } as const

async function pinnedIn<D extends { _id: string }>(
  collection: Collection<D>,
  field: string,
  pins: readonly Pin[],
  limit: number,
): Promise<Map<string, PinnedIn>> {
  const ids = { $in: [...new Set(idsOf(pins))] }
  const found = await collection.aggregate<PinnedIn & { _id: Pin }>([
    { $match: { [`${field}.id`]: ids } },
    { $project: { app: 1, pin: `$${field}` } },
    { $unwind: '$pin' },
    { $match: { 'pin.id': ids } },
    { $sort: { _id: -1 } },
    {
      $group: {
        _id: { id: '$pin.id', revision: '$pin.revision' },
        app: { $first: '$app' },
        ids: { $push: '$_id' },
        total: { $sum: 1 },
      },
    },
    { $project: { app: 1, total: 1, ids: { $slice: ['$ids', limit] } } },
  ])
  return new Map(found.map(({ _id, ...pinned }) => [pinText(_id), pinned]))
}

/** Matches pins that contain this revision. The id is matched by itself too, because the index is on the id. */
function pinning({ kind, pin: { id, revision } }: RevisionOf): Filter<SchedulePin> {
  const filters: Record<SubjectKind, Filter<SchedulePin>> = {
    SCHEDULE: { _id: id, 'schedule.revision': revision },
    CREATIVE: { 'creatives.id': id, creatives: { $elemMatch: { id, revision } } },
    STRATEGY: { 'strategy.id': id, 'strategy.revision': revision },
    SEGMENT: { 'segments.id': id, segments: { $elemMatch: { id, revision } } },
  }
  return filters[kind]
}
