// The DataLoaders of schedule: what one request needs of apps, slots and schedules is read together.

import type DataLoader from 'dataloader'
import { type App, appsByCode } from '../../common/apps/apps.ts'
import { canonicalJson } from '../../common/base/content-hash.ts'
import type { Services } from '../../common/command/services.ts'
import { loaderById, loaderByKey } from '../../common/graphql/loader.ts'
import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { type Schedule, type ScheduleContent, type Slot, schedules, slots } from './repository.ts'

/** A question about one slot. `filter` is a MongoDB filter of schedules. */
export type SlotQuery = { slot: string; filter: object }
export type SlotPageQuery = SlotQuery & { page: { limit: number; before?: string | undefined } }

export type ScheduleLoaders = {
  /** By code. */
  apps: DataLoader<string, App | null>
  /** By id. */
  slots: DataLoader<string, Slot | null>
  /** By code or id in an app. Each slot that is found is in `slots`, too. */
  slotsNamed: DataLoader<{ app: string; name: string }, Slot | null, string>
  schedules: RevisionedLoaders<Schedule, Revision<ScheduleContent>>
  bookedIn: DataLoader<SlotPageQuery, Schedule[], string>
  countOfBooked: DataLoader<SlotQuery, number, string>
}

export function scheduleLoaders({ store }: Services): ScheduleLoaders {
  const slotsById = loaderById((ids) => slots.byIds(store, ids))

  async function readNamed(keys: readonly { app: string; name: string }[]): Promise<(Slot | null)[]> {
    const byApp = new Map<string, Map<string, Slot>>()
    for (const [app, named] of Map.groupBy(keys, (key) => key.app)) {
      const names = named.map(({ name }) => name)
      byApp.set(app, await slots.namedIn(store, app, names))
    }
    const found = keys.map(({ app, name }) => byApp.get(app)!.get(name) ?? null)
    for (const slot of found) if (slot) slotsById.prime(slot._id, slot)
    return found
  }

  return {
    apps: loaderById((codes) => appsByCode(store, codes)),
    slots: slotsById,
    slotsNamed: loaderByKey<{ app: string; name: string }, Slot | null>(readNamed, ({ app, name }) => `${app} ${name}`),
    schedules: revisionedLoaders(store, schedules),
    bookedIn: loaderForSlots<SlotPageQuery, Schedule[]>(
      (ids, { filter, page }) => schedules.pageInEach(store, ids, filter, page),
      [],
    ),
    countOfBooked: loaderForSlots<SlotQuery, number>((ids, { filter }) => schedules.countInEach(store, ids, filter), 0),
  }
}

/** One read for all slots with the same question. @param none the answer for a slot that is not in the result. */
function loaderForSlots<K extends SlotQuery, T>(
  read: (slotIds: readonly string[], query: K) => Promise<Map<string, T>>,
  none: T,
): DataLoader<K, T, string> {
  const questionOf = ({ slot: _, ...question }: K) => canonicalJson(question)

  async function readAll(keys: readonly K[]): Promise<T[]> {
    const byQuestion = new Map<string, Promise<Map<string, T>>>()
    for (const key of keys) {
      const question = questionOf(key)
      if (byQuestion.has(question)) continue
      const ids = keys.filter((other) => questionOf(other) === question).map(({ slot }) => slot)
      byQuestion.set(question, read(ids, key))
    }
    return Promise.all(keys.map(async (key) => (await byQuestion.get(questionOf(key))!).get(key.slot) ?? none))
  }

  return loaderByKey<K, T>(readAll, (key) => canonicalJson(key))
}
