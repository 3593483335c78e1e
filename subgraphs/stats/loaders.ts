// The numbers of all the schedules that one request asks for, read at once.

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

/** One read per period; in the order of the keys. A schedule of an app that the caller may not read is an error. */
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
      // The rows say which app they are of; where there are none, there is nothing to keep from anyone.
      for (const { app } of own) authorize(caller.principal, app, 'read')
      return toReport(own)
    } catch (error) {
      return error as Error // DataLoader gives it to whoever asked for this one
    }
  })
}

function periodText({ interval, from, to }: Period): string {
  return `${interval} ${from} ${to}`
}
