// The DataLoader of stats: reads the numbers of all schedules of one request together.

import type DataLoader from 'dataloader'
import { authorize } from '../../common/access/rights.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { loaderByKey } from '../../common/graphql/loader.ts'
import type { Db } from '../../common/store/collection.ts'
import { type Period, type Report, sumSchedules, toReport } from './report.ts'
import type { Sum } from './total.ts'

export type ScheduleAndPeriod = { schedule: string; period: Period }

export type StatsLoaders = { scheduleReports: DataLoader<ScheduleAndPeriod, Report, string> }

export function statsLoaders({ store }: Services, caller: Caller): StatsLoaders {
  return {
    scheduleReports: loaderByKey<ScheduleAndPeriod, Report>(
      (keys) => reportSchedules(store, caller, keys),
      ({ schedule, period }) => `${periodText(period)} ${schedule}`,
    ),
  }
}

/** One read for each period. Results are in the order of the keys; FORBIDDEN for a schedule whose app the caller may not read. */
async function reportSchedules(
  store: Db,
  caller: Caller,
  keys: readonly ScheduleAndPeriod[],
): Promise<(Report | Error)[]> {
  const sums = new Map<string, Map<string, Sum[]>>()
  for (const [text, same] of Map.groupBy(keys, ({ period }) => periodText(period))) {
    const ids = same.map(({ schedule }) => schedule)
    sums.set(text, await sumSchedules(store, ids, same[0]!.period))
  }
  return keys.map(({ schedule, period }) => {
    const own = sums.get(periodText(period))?.get(schedule) ?? []
    try {
      // Each row says its app. Without rows there is nothing that must be hidden.
      for (const { app } of own) authorize(caller.principal, app, 'read')
      return toReport(own)
    } catch (error) {
      return error as Error // DataLoader rejects only the load of this key.
    }
  })
}

function periodText({ interval, from, to }: Period): string {
  return `${interval} ${from} ${to}`
}
