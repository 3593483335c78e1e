// Everything that one request asks for of apps, slots and schedules, read at once.

import type DataLoader from 'dataloader'
import { type App, appsByCode } from '../../common/apps/apps.ts'
import { loaderById } from '../../common/graphql/loader.ts'
import { type RevisionedLoaders, revisionedLoaders } from '../../common/graphql/revisioned.ts'
import type { Services } from '../../common/services.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { type Schedule, type ScheduleContent, type Slot, schedules, slots } from './repository.ts'

export type ScheduleLoaders = {
  /** By code. */
  apps: DataLoader<string, App | null>
  /** By id. */
  slots: DataLoader<string, Slot | null>
  schedules: RevisionedLoaders<Schedule, Revision<ScheduleContent>>
}

export function scheduleLoaders({ store }: Services): ScheduleLoaders {
  return {
    apps: loaderById((codes) => appsByCode(store, codes)),
    slots: loaderById((ids) => slots.byIds(store, ids)),
    schedules: revisionedLoaders(store, schedules),
  }
}
