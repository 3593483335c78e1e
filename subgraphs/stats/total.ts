// The total of any two full minutes, exact: days that lie within, hours of the days at both ends, and minutes of the hours at
// both ends. Each event is in one day, one hour and one minute, and those know what they lie within, so that each event is
// taken once, from the longest that lies within the total. What days and hours are, the rollups say: no zone is asked.
//
// Minutes are not kept for ever. So the hours at both ends are read, too: where their minutes do not add up to them, minutes
// are gone, and the total is rounded out to those hours.

import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import type { Counts, Unit } from './fold.ts'

/** Of one thing in one period, or in several: then `at` is the earliest beginning, and `until` the latest end. */
export type Sum = { app: string; id: string; at: Date; until: Date } & Counts

/**
 * What is read for a total. `whole`: days and hours that lie within. Then, of the hours that `from` and `to` cut (the `edge`;
 * of one that both cut it is `from`): the `hour`, its minutes `inside` the total and those `outside`.
 */
export type Part = Sum & { part: 'whole' | 'hour' | 'inside' | 'outside'; edge: 'from' | 'to' }

/** At least as long as the longest of them in any zone. */
export const LONGEST_MS: Readonly<Record<Unit, number>> = { MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: 2 * DAY_MS }

/** Filters of rollups: each part of the total of [from, to) passes one of them. Each bounds `at`, for the indexes' sake. */
export function partFilters(from: number, to: number): object[] {
  const [begin, end] = [new Date(from), new Date(to)]
  const at = (low: number, high: number) => ({ at: { $gte: new Date(low), $lt: new Date(high) } })
  const { HOUR, DAY } = LONGEST_MS
  const endsWithin = { until: { $lte: end } }
  const dayBeginsBefore = { 'within.at': { $lt: begin } }
  const dayEndsAfter = { 'within.at': { $gte: begin }, 'within.until': { $gt: end } }
  const hourHasFrom = { 'within.at': { $lt: begin }, 'within.until': { $gt: begin } }
  const hourHasTo = { 'within.at': { $gte: begin, $lt: end }, 'within.until': { $gt: end } }
  return [
    { unit: 'DAY', ...at(from, to), ...endsWithin },
    { unit: 'HOUR', ...at(from, Math.min(from + DAY, to)), ...endsWithin, ...dayBeginsBefore },
    { unit: 'HOUR', ...at(Math.max(from, to - DAY), to), ...endsWithin, ...dayEndsAfter },
    { unit: 'HOUR', ...at(from - HOUR, from), until: { $gt: begin } },
    { unit: 'HOUR', ...at(Math.max(from, to - HOUR), to), until: { $gt: end } },
    { unit: 'MINUTE', ...at(from - HOUR, from + HOUR), ...hourHasFrom },
    { unit: 'MINUTE', ...at(to - HOUR, to + HOUR), ...hourHasTo },
  ]
}

/** What groups the rollups that pass into parts, as expressions of an aggregation. */
export function partExpressions(from: number, to: number): { part: object; edge: object } {
  const [begin, end] = [new Date(from), new Date(to)]
  const isMinute = { $eq: ['$unit', 'MINUTE'] }
  const isWhole = { $and: [{ $gte: ['$at', begin] }, { $lte: ['$until', end] }] }
  // Until 1972 a few zones were not whole minutes away from UTC: there, a minute that is cut is inside.
  const isInside = { $and: [{ $lt: ['$at', end] }, { $gt: ['$until', begin] }] }
  const hourBegins = { $cond: [isMinute, '$within.at', '$at'] }
  return {
    part: { $cond: [isMinute, { $cond: [isInside, 'inside', 'outside'] }, { $cond: [isWhole, 'whole', 'hour'] }] },
    edge: { $cond: [{ $lt: [hourBegins, begin] }, 'from', 'to'] },
  }
}

/** One row for each id, all for the period that they say: [from, to), or more where minutes are gone. */
export function addParts(parts: readonly Part[], from: number, to: number): Sum[] {
  let [begins, ends] = [from, to]
  const taken = parts.filter(({ part }) => part === 'whole')
  for (const edge of ['from', 'to'] as const) {
    const ofEdge = Map.groupBy(
      parts.filter((one) => one.part !== 'whole' && one.edge === edge),
      ({ part }) => part,
    )
    const [hour = [], inside = [], outside = []] = (['hour', 'inside', 'outside'] as const).map((part) =>
      ofEdge.get(part),
    )
    if (areSame(hour, [...inside, ...outside])) {
      taken.push(...inside)
      continue
    }
    taken.push(...hour)
    begins = Math.min(begins, ...hour.map(({ at }) => at.getTime()))
    ends = Math.max(ends, ...hour.map(({ until }) => until.getTime()))
  }
  const period = { at: new Date(begins), until: new Date(ends) }
  return [...Map.groupBy(taken, ({ app, id }) => `${app} ${id}`).values()].map((same) => {
    const { app, id } = same[0]!
    return { app, id, ...period, ...addCounts(same) }
  })
}

/** Whether these hours and these minutes count the same of each thing. */
function areSame(hours: readonly Sum[], minutes: readonly Sum[]): boolean {
  const byId = Map.groupBy(minutes, ({ id }) => id)
  return hours.every((hour) => {
    const { impressions, clicks, conversions } = addCounts(byId.get(hour.id) ?? [])
    return impressions === hour.impressions && clicks === hour.clicks && conversions === hour.conversions
  })
}

export function addCounts(sums: readonly Counts[]): Counts {
  const total: Counts = { impressions: 0, clicks: 0, conversions: 0 }
  for (const { impressions, clicks, conversions } of sums) {
    total.impressions += impressions
    total.clicks += clicks
    total.conversions += conversions
  }
  return total
}
