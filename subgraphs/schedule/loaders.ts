// Everything that one request asks for of apps, slots and schedules, read at once.

import type DataLoader from 'dataloader'
import { type App, appsByCode } from '../../common/apps/apps.ts'
import { canonicalJson } from '../../common/base/content-hash.ts'
import type { Services } from '../../common/command/services.ts'
import { loaderById, loaderByKey } from '../../common/graphql/loader.ts'
import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { type Schedule, type ScheduleContent, type Slot, schedules, slots } from './repository.ts'

/** What is asked of one slot; `filter` as MongoDB has it. */
export type OfSlot = { slot: string; filter: object }
export type PageOfSlot = OfSlot & { page: { limit: number; before?: string | undefined } }

export type ScheduleLoaders = {
  /** By code. */
  apps: DataLoader<string, App | null>
  /** By id. */
  slots: DataLoader<string, Slot | null>
  /** By a name in an app. What is found is read. */
  slotsNamed: DataLoader<{ app: string; name: string }, Slot | null, string>
  schedules: RevisionedLoaders<Schedule, Revision<ScheduleContent>>
  bookedIn: DataLoader<PageOfSlot, Schedule[], string>
  countOfBooked: DataLoader<OfSlot, number, string>
}

export function scheduleLoaders({ store }: Services): ScheduleLoaders {
  const byId = loaderById((ids) => slots.byIds(store, ids))

  async function readNamed(keys: readonly { app: string; name: string }[]): Promise<(Slot | null)[]> {
    const byApp = new Map<string, Map<string, Slot>>()
    for (const [app, named] of Map.groupBy(keys, (key) => key.app)) {
      const names = named.map(({ name }) => name)
      byApp.set(app, await slots.namedIn(store, app, names))
    }
    const found = keys.map(({ app, name }) => byApp.get(app)!.get(name) ?? null)
    for (const slot of found) if (slot) byId.prime(slot._id, slot)
    return found
  }

  return {
    apps: loaderById((codes) => appsByCode(store, codes)),
    slots: byId,
    slotsNamed: loaderByKey<{ app: string; name: string }, Slot | null>(readNamed, ({ app, name }) => `${app} ${name}`),
    schedules: revisionedLoaders(store, schedules),
    bookedIn: loaderForSlots<PageOfSlot, Schedule[]>(
      (ids, { filter, page }) => schedules.pageInEach(store, ids, filter, page),
      [],
    ),
    countOfBooked: loaderForSlots<OfSlot, number>((ids, { filter }) => schedules.countInEach(store, ids, filter), 0),
  }
}

/** One read for all the slots of which the same is asked. `none`: the answer for a slot that the read leaves out. */
function loaderForSlots<K extends OfSlot, T>(
  read: (slotIds: readonly string[], asked: K) => Promise<Map<string, T>>,
  none: T,
): DataLoader<K, T, string> {
  const same = ({ slot: _, ...asked }: K) => canonicalJson(asked)

  async function readAll(keys: readonly K[]): Promise<T[]> {
    const bySlot = new Map<string, Promise<Map<string, T>>>()
    for (const key of keys) {
      const asked = same(key)
      if (bySlot.has(asked)) continue
      const ids = keys.filter((other) => same(other) === asked).map(({ slot }) => slot)
      bySlot.set(asked, read(ids, key))
    }
    return Promise.all(keys.map(async (key) => (await bySlot.get(same(key))!).get(key.slot) ?? none))
  }

  return loaderByKey<K, T>(readAll, (key) => canonicalJson(key))
}
