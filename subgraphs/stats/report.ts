// Reports from the rollups: a period is rounded out to the interval, and each row sums the rollups of one thing in
// one period. Everything is bounded, so that a question that is too large is refused before it weighs on anyone.

import { requireApp } from '../../common/apps/apps.ts'
import { AlkaidError, badInput } from '../../common/errors.ts'
import type { Db } from '../../common/store/rows.ts'
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../../common/time.ts'
import { startOfDay } from '../../common/time-periods.ts'
import type { Counts, Unit } from './fold.ts'
import { rollups, type Subject, type Sum } from './repository.ts'

export type Interval = Unit | 'TOTAL'

/** Milliseconds since the Unix epoch, as asked for: not yet rounded. */
export type Period = { interval: Interval; from: number; to: number }

export type Totals = Counts & { ctr: number | null }
export type ReportRow = Totals & { id: string; at: Date }
export type Report = { rows: ReportRow[]; total: Totals }

export type Question = { app: string; by: 'SCHEDULE' | 'CREATIVE' | 'SLOT'; ids?: readonly string[] | null }

/** Of which rollups the rows are made, and how far `from` and `to` may be apart. */
const INTERVALS: Record<Interval, { unit: Unit; longest: number; atMost: string }> = {
  MINUTE: { unit: 'MINUTE', longest: DAY_MS, atMost: '24 hours' },
  HOUR: { unit: 'HOUR', longest: 31 * DAY_MS, atMost: '31 days' },
  DAY: { unit: 'DAY', longest: 3_660 * DAY_MS, atMost: '3,660 days' },
  TOTAL: { unit: 'HOUR', longest: 366 * DAY_MS, atMost: '366 days' },
}
const MAX_IDS = 1_000
const MAX_ROWS = 20_000
/** More than a day's length in any zone. */
const LONGEST_DAY_MS = 2 * DAY_MS

/** Throws BAD_USER_INPUT for an empty period, LIMIT_EXCEEDED for one that is too long for its interval. */
export function readPeriod(from: Date, to: Date, interval: Interval): Period {
  const period = { interval, from: from.getTime(), to: to.getTime() }
  if (period.from >= period.to) throw badInput('to', 'must be after `from`')
  const { longest, atMost } = INTERVALS[interval]
  if (period.to - period.from > longest) {
    throw new AlkaidError('LIMIT_EXCEEDED', `With ${interval}, from and to may be at most ${atMost} apart`)
  }
  return period
}

/** Throws NOT_FOUND (the app), BAD_USER_INPUT and LIMIT_EXCEEDED. */
export async function report(db: Db, question: Question, period: Period): Promise<Report> {
  const ids = question.ids ?? undefined
  if (ids && ids.length > MAX_IDS) throw badInput('ids', `must be at most ${MAX_IDS.toLocaleString('en')}`)
  const { zone } = await requireApp(db, question.app)
  const by = question.by.toLowerCase() as Subject
  const sums = await sumUp(db, period, { by, app: question.app, ids, from: beginning(period, zone) })
  return toReport(sums, period)
}

/**
 * What the schedules have in the period, in one read, of whatever apps; `zonesOf` says where the days of those apps begin.
 * Keyed by schedule; one without events is not in it.
 */
export async function sumSchedules(
  db: Db,
  ids: readonly string[],
  period: Period,
  zonesOf: (apps: readonly string[]) => Promise<ReadonlyMap<string, string>>,
): Promise<Map<string, Sum[]>> {
  const byDay = period.interval === 'DAY'
  const from = byDay ? period.from - LONGEST_DAY_MS : beginning(period, 'UTC')
  const sums = await sumUp(db, period, { by: 'schedule', ids, from })
  const zones = byDay ? await zonesOf([...new Set(sums.map(({ app }) => app))]) : undefined
  const within = sums.filter(({ app, at }) => {
    const zone = zones?.get(app)
    return !zone || at!.getTime() >= beginning(period, zone)
  })
  return Map.groupBy(within, ({ id }) => id)
}

/** The rows by time, then by id, and all of them together. */
export function toReport(sums: readonly Sum[], period: Period): Report {
  const total: Counts = { impressions: 0, clicks: 0, conversions: 0 }
  const rows = sums.map(({ id, at, impressions, clicks, conversions }) => {
    total.impressions += impressions
    total.clicks += clicks
    total.conversions += conversions
    const begins = at ?? new Date(beginning(period, 'UTC'))
    return { id, at: begins, ...withCtr({ impressions, clicks, conversions }) }
  })
  rows.sort((a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  return { rows, total: withCtr(total) }
}

/** `from` rounded down. `to` needs no rounding up: what begins before it is in the report, whole. */
function beginning({ interval, from }: Period, zone: string): number {
  if (interval === 'DAY') return startOfDay(from, zone)
  return floorTo(from, interval === 'MINUTE' ? MINUTE_MS : HOUR_MS)
}

async function sumUp(
  db: Db,
  { interval, to }: Period,
  which: { by: Subject; app?: string; ids?: readonly string[] | undefined; from: number },
): Promise<Sum[]> {
  if (which.ids?.length === 0) return []
  const { unit } = INTERVALS[interval]
  const sums = await rollups.sum(db, { ...which, unit, to, at: interval !== 'TOTAL', limit: MAX_ROWS + 1 })
  if (sums.length <= MAX_ROWS) return sums
  throw new AlkaidError(
    'LIMIT_EXCEEDED',
    `The report has more than ${MAX_ROWS.toLocaleString('en')} rows: ask for a shorter period, a longer interval or fewer ids`,
  )
}

function withCtr(counts: Counts): Totals {
  return { ...counts, ctr: counts.impressions === 0 ? null : counts.clicks / counts.impressions }
}
