// The change log. Every change has an entry, which is written in the transaction of the change.

import type { Filter } from 'mongodb'
import { newId } from '../base/ids.ts'
import type { Db, IndexDefinition, Tx } from './collection.ts'
import { type Period, periodFilter } from './filters.ts'

export type SubjectType = 'APP' | 'SLOT' | 'SCHEDULE' | 'CREATIVE' | 'STRATEGY' | 'SEGMENT'

export type Change = {
  _id: string
  app: string
  at: Date
  actor: string
  mutation: string
  subject: { type: SubjectType; id: string }
  before: unknown
  after: unknown
  requestId: string | null
}

const COLLECTION = 'changes'
const changes = (db: Db) => db.collection<Change>(COLLECTION)

export const changeIndexes: IndexDefinition[] = [
  { collection: COLLECTION, key: { 'subject.type': 1, 'subject.id': 1, _id: -1 } },
]

export async function recordChange(tx: Tx, change: Omit<Change, '_id'>): Promise<void> {
  await changes(tx).insertOne({ _id: newId('change', change.at.getTime()), ...change })
}

/** Selects changes of a thing. A field that is left out or null selects all. */
export type ChangeFilter = {
  /** `from` is included, `to` is not. */
  period?: Period | null
  actor?: string | null
  mutations?: readonly string[] | null
}

/** Changes of one thing, newest first. `before`: the last id of the page before. */
export function changesOf(
  db: Db,
  subject: Change['subject'],
  filter: ChangeFilter,
  page: { limit: number; before?: string | undefined },
): Promise<Change[]> {
  const older = page.before === undefined ? {} : { _id: { $lt: page.before } }
  return changes(db).find({ ...changeFilter(subject, filter), ...older }, { sort: { _id: -1 }, limit: page.limit })
}

export function countChanges(db: Db, subject: Change['subject'], filter: ChangeFilter): Promise<number> {
  return changes(db).count(changeFilter(subject, filter))
}

/** The app of a thing, read from its changes. Null when it has no changes. */
export async function appOfChanges(db: Db, subject: Change['subject']): Promise<string | null> {
  const found = await changes(db).findOne(changeFilter(subject, {}), { projection: { app: 1 } })
  return found?.app ?? null
}

/**
 * The newest changes of several things in one read, at most `limitEach` of each. Subject id -> changes. Beyond the limit, only the
 * index is read, not the documents.
 */
export async function changesOfMany(
  db: Db,
  type: SubjectType,
  ids: readonly string[],
  limitEach: number,
): Promise<Map<string, Change[]>> {
  const found = await changes(db).aggregate<Change>([
    { $match: { 'subject.type': type, 'subject.id': { $in: [...new Set(ids)] } } },
    { $group: { _id: '$subject.id' } },
    {
      $lookup: {
        from: COLLECTION,
        localField: '_id',
        foreignField: 'subject.id',
        pipeline: [{ $match: { 'subject.type': type } }, { $sort: { _id: -1 } }, { $limit: limitEach }],
        as: 'newest',
      },
    },
    { $unwind: '$newest' },
    { $replaceRoot: { newRoot: '$newest' } },
  ])
  const byId = new Map<string, Change[]>(ids.map((id) => [id, []]))
  for (const change of found) byId.get(change.subject.id)!.push(change)
  return byId
}

function changeFilter({ type, id }: Change['subject'], { period, actor, mutations }: ChangeFilter): Filter<Change> {
  return {
    'subject.type': type,
    'subject.id': id,
    ...periodFilter(period, 'at'),
    ...(typeof actor === 'string' ? { actor } : {}),
    ...(mutations ? { mutation: { $in: [...mutations] } } : {}),
  }
}
