// Reports from the rollups. Each row has the counts of one schedule, creative or slot in one period. Rows of an interval are
// whole minutes, hours or days; a total is exact to the minute. Period, ids and rows are limited, and a question that is too
// large is refused.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { AlkaidError, badInput } from '../../common/base/errors.ts'
import { idOf, parseInput } from '../../common/command/input.ts'
import type { Db } from '../../common/store/collection.ts'
import { DAY_MS, floorTo, MINUTE_MS } from '../../engine/time/days.ts'
import { noSlot, slots } from '../schedule/repository.ts'
import type { Counts, Unit } from './fold.ts'
import { rollups, type Subject } from './repository.ts'
import { addCounts, addParts, type Sum } from './total.ts'

export type Interval = Unit | 'TOTAL'

/** In ms since the Unix epoch, as in the request: not yet rounded. */
export type Period = { interval: Interval; from: number; to: number }

export type Totals = Counts & { ctr: number | null }
export type ReportRow = Totals & { id: string; at: Date; until: Date }
export type Report = { rows: ReportRow[]; total: Totals }

export type Question = { app: string; by: 'SCHEDULE' | 'CREATIVE' | 'SLOT'; ids?: readonly string[] | null }

/** How far apart `from` and `to` may be. */
const INTERVALS: Record<Interval, { longest: number; atMost: string }> = {
  MINUTE: { longest: DAY_MS, atMost: '24 hours' },
  HOUR: { longest: 31 * DAY_MS, atMost: '31 days' },
  DAY: { longest: 3_660 * DAY_MS, atMost: '3,660 days' },
  TOTAL: { longest: 366 * DAY_MS, atMost: '366 days' },
}
const MAX_IDS = 1_000
const MAX_ROWS = 20_000
/** The parts of one thing in a total: the whole, and for each end the hour, the minutes inside and the minutes outside. */
const MAX_PARTS = 7

/** @throws AlkaidError BAD_USER_INPUT for an empty period, LIMIT_EXCEEDED for one that is too long for its interval. */
export function readPeriod(from: Date, to: Date, interval: Interval): Period {
  const period = { interval, from: from.getTime(), to: to.getTime() }
  if (period.from >= period.to) throw badInput('to', 'must be after `from`')
  const { longest, atMost } = INTERVALS[interval]
  if (period.to - period.from > longest) {
    throw new AlkaidError('LIMIT_EXCEEDED', `With ${interval}, from and to may be at most ${atMost} apart`)
  }
  return period
}

/** @throws AlkaidError NOT_FOUND (the app or a slot), BAD_USER_INPUT, LIMIT_EXCEEDED. */
export async function report(db: Db, question: Question, period: Period): Promise<Report> {
  const names = question.ids ?? undefined
  if (names && names.length > MAX_IDS) throw badInput('ids', `must be at most ${MAX_IDS.toLocaleString('en')}`)
  await requireApp(db, question.app)
  const ids = names && (await idsOf(db, question, names))
  const by = question.by.toLowerCase() as Subject
  const sums = await sumUp(db, period, { by, app: question.app, ids }, () => question.app)
  return toReport([...sums.values()].flat())
}

/**
 * Returns the ids for the names. Slots may be named by code; the rollups have their ids.
 *
 * @throws AlkaidError with the path of the name: NOT_FOUND for an unknown slot, BAD_USER_INPUT for an id of another kind.
 */
async function idsOf(db: Db, { app, by }: Question, names: readonly string[]): Promise<string[]> {
  if (by !== 'SLOT') return parseInput(z.array(by === 'SCHEDULE' ? idOf('schedule') : idOf('creative')), names, 'ids')
  const named = await slots.namedIn(db, app, names)
  return names.map((name, index) => {
    const slot = named.get(name)
    if (!slot) throw noSlot(name, `ids[${index}]`)
    return slot._id
  })
}

/** Schedule -> its sums in the period, in one read, for schedules of any apps. A schedule without events may be missing. */
export function sumSchedules(db: Db, ids: readonly string[], period: Period): Promise<Map<string, Sum[]>> {
  return sumUp(db, period, { by: 'schedule', ids }, ({ id }) => id)
}

/** Sorts the rows by time, then by id, and adds their total. */
export function toReport(sums: readonly Sum[]): Report {
  const rows = sums.map(({ id, at, until, impressions, clicks, conversions }) => {
    return { id, at, until, ...withCtr({ impressions, clicks, conversions }) }
  })
  rows.sort((a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  return { rows, total: withCtr(addCounts(sums)) }
}

type ReportFilter = { by: Subject; app?: string; ids?: readonly string[] | undefined }

/**
 * Reads the sums of one or several reports. `reportOf` says to which report a sum belongs. Each report with the interval TOTAL
 * has one period for all its rows.
 */
async function sumUp(
  db: Db,
  period: Period,
  { ids, ...others }: ReportFilter,
  reportOf: (sum: Sum) => string,
): Promise<Map<string, Sum[]>> {
  if (ids?.length === 0) return new Map()
  const filter = ids ? { ...others, ids } : others
  if (period.interval === 'TOTAL') return sumTotals(db, period, filter, reportOf)
  const { interval: unit, from, to } = period
  const sums = await rollups.byPeriod(db, { ...filter, unit, from, to, limit: MAX_ROWS + 1 })
  if (sums.length > MAX_ROWS) throw tooManyRows()
  return Map.groupBy(sums, reportOf)
}

async function sumTotals(
  db: Db,
  period: Period,
  filter: ReportFilter,
  reportOf: (sum: Sum) => string,
): Promise<Map<string, Sum[]>> {
  // `from` is rounded down to a full minute, `to` up.
  const [from, to] = [floorTo(period.from, MINUTE_MS), Math.ceil(period.to / MINUTE_MS) * MINUTE_MS]
  const most = MAX_PARTS * MAX_ROWS
  const parts = await rollups.parts(db, { ...filter, from, to, limit: most + 1 })
  const totals = new Map([...Map.groupBy(parts, reportOf)].map(([name, own]) => [name, addParts(own, from, to)]))
  const rows = [...totals.values()].reduce((sum, own) => sum + own.length, 0)
  if (parts.length > most || rows > MAX_ROWS) throw tooManyRows()
  return totals
}

function tooManyRows(): AlkaidError {
  return new AlkaidError(
    'LIMIT_EXCEEDED',
    `The report has more than ${MAX_ROWS.toLocaleString('en')} rows: ask for a shorter period, a longer interval or fewer ids`,
  )
}

function withCtr(counts: Counts): Totals {
  return { ...counts, ctr: counts.impressions === 0 ? null : counts.clicks / counts.impressions }
}
