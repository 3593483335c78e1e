// The change log: no change without its entry, written in the change's own transaction.

import { newId } from '../ids.ts'
import type { Db, Tx } from './rows.ts'
import type { IndexDefinition } from './store.ts'

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

export const changeIndexes: IndexDefinition[] = [
  { collection: COLLECTION, key: { 'subject.type': 1, 'subject.id': 1, _id: -1 } },
]

export async function recordChange(tx: Tx, change: Omit<Change, '_id'>): Promise<void> {
  await tx.rows<Change>(COLLECTION).insertOne({ _id: newId('change', change.at.getTime()), ...change })
}

/** Changes of one thing, newest first; `before` is the id after which the page begins. */
export function changesOf(
  db: Db,
  subject: Change['subject'],
  page: { limit: number; before?: string | undefined },
): Promise<Change[]> {
  const older = page.before === undefined ? {} : { _id: { $lt: page.before } }
  const filter = { 'subject.type': subject.type, 'subject.id': subject.id, ...older }
  return db.rows<Change>(COLLECTION).find(filter, { sort: { _id: -1 }, limit: page.limit })
}

export function countChanges(db: Db, { type, id }: Change['subject']): Promise<number> {
  return db.rows<Change>(COLLECTION).count({ 'subject.type': type, 'subject.id': id })
}

/** The newest changes of each of several things, in one read; keyed by subject id. */
export async function changesOfMany(
  db: Db,
  type: SubjectType,
  ids: readonly string[],
  limitEach: number,
): Promise<Map<string, Change[]>> {
  const found = await db
    .rows<Change>(COLLECTION)
    .find({ 'subject.type': type, 'subject.id': { $in: [...ids] } }, { sort: { _id: -1 } })
  const byId = new Map<string, Change[]>(ids.map((id) => [id, []]))
  for (const change of found) {
    const list = byId.get(change.subject.id)
    if (list && list.length < limitEach) list.push(change)
  }
  return byId
}
