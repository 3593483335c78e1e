// Counts in memory how often each app used each of its operations, by days of UTC. It keeps the current day and the one before, for
// the reports (operation-uses.ts).

import { DAY_MS, floorTo } from '../../engine/time/days.ts'
import type { UseReport } from '../channel/channel.ts'

export type UseCounter = {
  /** Counts one use. It runs for every request of apps. */
  count(app: string, operation: string): void
  /** Everything that was counted today and yesterday. */
  report(): UseReport
  /** +1 whenever the report changes. */
  readonly changes: number
}

type Use = { count: number; lastUsedAt: number }
type Day = { day: number; apps: Map<string, Map<string, Use>>; size: number }

/**
 * The most pairs of an app and an operation that are counted on one day. Only operations that an app really has are counted, so one
 * needs thousands of apps to get there. Beyond, uses are not counted, and `onFull` is called once a day.
 */
const MOST_PAIRS = 10_000

/**
 * @param reporter the name of this process in its reports. No other process has it.
 * @param now milliseconds since the Unix epoch.
 */
export function createUseCounter(reporter: string, now: () => number, onFull: () => void = () => {}): UseCounter {
  let today = emptyDay(floorTo(now(), DAY_MS))
  let yesterday: Day | undefined
  let changes = 0

  function dayOf(instant: number): Day {
    if (instant - today.day < DAY_MS) return today
    const day = floorTo(instant, DAY_MS)
    yesterday = day - today.day === DAY_MS ? today : undefined
    today = emptyDay(day)
    return today
  }

  return {
    count(app, operation) {
      const instant = now()
      const day = dayOf(instant)
      const use = day.apps.get(app)?.get(operation) ?? addUse(day, app, operation, onFull)
      if (!use) return
      use.count += 1
      use.lastUsedAt = instant
      changes += 1
    },
    report() {
      dayOf(now())
      return { reporter, days: [today, ...(yesterday ? [yesterday] : [])].map(reportOf) }
    },
    get changes() {
      return changes
    },
  }
}

function emptyDay(day: number): Day {
  return { day, apps: new Map(), size: 0 }
}

function addUse(day: Day, app: string, operation: string, onFull: () => void): Use | undefined {
  if (day.size >= MOST_PAIRS) {
    if (day.size === MOST_PAIRS) onFull()
    day.size = MOST_PAIRS + 1
    return undefined
  }
  day.size += 1
  const uses = day.apps.get(app) ?? new Map<string, Use>()
  day.apps.set(app, uses)
  const use = { count: 0, lastUsedAt: 0 }
  uses.set(operation, use)
  return use
}

function reportOf({ day, apps }: Day): UseReport['days'][number] {
  const report: UseReport['days'][number] = { day, apps: {} }
  for (const [app, uses] of apps) {
    const ofApp: Record<string, [number, number]> = {}
    for (const [operation, { count, lastUsedAt }] of uses) ofApp[operation] = [count, lastUsedAt]
    report.apps[app] = ofApp
  }
  return report
}
