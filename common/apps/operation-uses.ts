// How often apps used their persisted operations: the repository of the daily counts, and what brings the counts there. Only this file
// touches the collection `operationUses`.
//
// Whoever answers operations is a reporter: a distribution node, or stats. It counts in memory (use-counter.ts) and reports the counts
// of each day so far. A count only rises within a day, and the store keeps the highest count of each reporter. So a report may arrive
// twice, late, or out of order, and any process may store it: nothing is counted twice. What a reporter counted after its last report
// is lost when it is killed.

import { DAY_MS, floorTo } from '../../engine/time/days.ts'
import { withDeadline } from '../base/deadline.ts'
import { createProblemLog } from '../base/problem-log.ts'
import { ChannelUnavailable, type UseReport } from '../channel/channel.ts'
import type { Services } from '../command/services.ts'
import type { Db, IndexDefinition } from '../store/collection.ts'

/** What one reporter counted for one app on one day (UTC). */
type UsesOfDay = {
  _id: string
  app: string
  day: Date
  uses: Record<string, { count: number; lastUsedAt: Date }>
  expiresAt: Date
}

export type OperationUse = { count: number; lastUsedAt: Date }

/** Today and the 29 days before. */
const DAYS = 30
/** A day longer than needed, because reports may be late. */
const KEPT_MS = (DAYS + 2) * DAY_MS
/** How long one try to collect the reports may take, in ms. A mutation waits for it. */
const COLLECT_MS = 1_000

const COLLECTION = 'operationUses'
const usesOfDays = (db: Db) => db.collection<UsesOfDay>(COLLECTION)

export const operationUsesIndexes: IndexDefinition[] = [
  { collection: COLLECTION, key: { app: 1, day: 1 } },
  { collection: COLLECTION, key: { expiresAt: 1 }, options: { expireAfterSeconds: 0 } },
]

/** Operation id -> its use in the last 30 days. An operation that was not used is left out. */
export async function usesOf(db: Db, app: string, now: number): Promise<Map<string, OperationUse>> {
  const first = new Date(floorTo(now, DAY_MS) - (DAYS - 1) * DAY_MS)
  const total = new Map<string, OperationUse>()
  for (const { uses } of await usesOfDays(db).find({ app, day: { $gte: first } }, { projection: { uses: 1 } })) {
    for (const [id, { count, lastUsedAt }] of Object.entries(uses)) {
      const known = total.get(id)
      const isLater = !known || lastUsedAt > known.lastUsedAt
      total.set(id, { count: (known?.count ?? 0) + count, lastUsedAt: isLater ? lastUsedAt : known.lastUsedAt })
    }
  }
  return total
}

export type UseStore = {
  /** Stores what reports have that this process has not stored yet. */
  store(reports: readonly UseReport[]): Promise<void>
  /** Stores the reports in the channel. It never rejects: a failure is logged once, and the reports stay in the channel. */
  collect(): Promise<void>
}

/** It remembers what it stored, so that a report that did not change costs nothing. */
export function createUseStore({ store: db, channel, log }: Services): UseStore {
  const problems = createProblemLog(log)
  /** Id of the document -> the counts that this process stored last, as JSON. */
  const stored = new Map<string, string>()

  async function store(reports: readonly UseReport[]): Promise<void> {
    const all = reports.flatMap(upsertsOf)
    const news = all.filter(({ id, text }) => stored.get(id) !== text)
    for (let from = 0; from < news.length; from += UPSERTS_AT_ONCE) {
      const batch = news.slice(from, from + UPSERTS_AT_ONCE)
      await usesOfDays(db).bulkUpsert(batch.map(({ upsert }) => upsert))
      for (const { id, text } of batch) stored.set(id, text)
    }
    // Reporters end and days pass. What is not reported any more need not be remembered.
    const reported = new Set(all.map(({ id }) => id))
    for (const id of stored.keys()) if (!reported.has(id)) stored.delete(id)
  }

  async function collect(): Promise<void> {
    const what = 'storing the uses of operations'
    const late = () => new ChannelUnavailable('The reports of uses could not be stored in time.')
    try {
      await withDeadline(
        COLLECT_MS,
        channel.useReports().then((reports) => store(reports)),
        late,
      )
      problems.resolve(what)
    } catch (error) {
      problems.report(what, 'failed. The next try stores them', error)
    }
  }

  return { store, collect }
}

const UPSERTS_AT_ONCE = 100

function upsertsOf({ reporter, days }: UseReport) {
  return days.flatMap(({ day, apps }) =>
    Object.entries(apps).map(([app, uses]) => {
      const id = `${app}|${day}|${reporter}`
      const highest = Object.entries(uses).flatMap(([operation, [count, lastUsedAt]]) => [
        [`uses.${operation}.count`, count],
        [`uses.${operation}.lastUsedAt`, new Date(lastUsedAt)],
      ])
      const expiresAt = new Date(day + KEPT_MS)
      const update = { $max: Object.fromEntries(highest), $setOnInsert: { app, day: new Date(day), expiresAt } }
      return { id, text: JSON.stringify(uses), upsert: { filter: { _id: id }, update } }
    }),
  )
}
