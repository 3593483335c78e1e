// The operations for `recordEvents` that apps registered. Stats has the store, so it reads the lists there: once a second it looks which
// versions there are, and reads and compiles what is new. It also counts how often apps use their operations, and stores the counts.

import { randomUUID } from 'node:crypto'
import { createUseStore } from '../../common/apps/operation-uses.ts'
import { operationsOf, operationVersions } from '../../common/apps/operations.ts'
import { createUseCounter } from '../../common/apps/use-counter.ts'
import { startUseReporting } from '../../common/apps/use-reporting.ts'
import { createProblemLog } from '../../common/base/problem-log.ts'
import type { Services } from '../../common/command/services.ts'
import { type AppOperationsOptions, createAppOperations } from '../../common/lane/app-operations.ts'
import type { LaneOperation } from '../../common/lane/lane.ts'

export type StatsOperations = {
  /** For the lane. */
  of(app: string): ReadonlyMap<string, LaneOperation> | undefined
  onUse(app: string, operation: string): void
  /** Reads what is new now. It never rejects: a failure is logged, and the operations stay as they are. */
  refresh(): Promise<void>
  stop(): Promise<void>
}

const REFRESH_MS = 1_000

/** Resolves when the lists of all apps are compiled, or cannot be read at the moment. */
export async function startStatsOperations(
  services: Services,
  laneOptions: AppOperationsOptions,
): Promise<StatsOperations> {
  const { store, now, log } = services
  const compiled = createAppOperations(laneOptions)
  const counter = createUseCounter(`stats-${randomUUID()}`, now)
  const useStore = createUseStore(services)
  const reporting = startUseReporting({ counter, send: (report) => useStore.store([report]), log })
  const problems = createProblemLog(log)
  let stopped = false
  let refreshing: Promise<void> = Promise.resolve()

  async function readNew(): Promise<void> {
    for (const [app, version] of await operationVersions(store)) {
      if (compiled.versionOf(app) === String(version)) continue
      const list = await operationsOf(store, app)
      const operations = list.operations.filter(({ lane }) => lane === 'stats')
      compiled.update({ app, version: String(list.version), operations })
    }
    await compiled.settled()
  }

  /** One after another, so that an older list never comes after a newer one. */
  function refresh(): Promise<void> {
    refreshing = refreshing.then(async () => {
      try {
        await readNew()
        problems.resolve('reading the operations of apps')
      } catch (error) {
        problems.report('reading the operations of apps', 'failed', error)
      }
    })
    return refreshing
  }

  function schedule(): NodeJS.Timeout {
    return setTimeout(async () => {
      await refresh()
      if (!stopped) timer = schedule()
    }, REFRESH_MS).unref()
  }

  await refresh()
  let timer = schedule()
  return {
    of: compiled.of,
    onUse: counter.count,
    refresh,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await refreshing
      await reporting.stop()
    },
  }
}
