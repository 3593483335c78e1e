// The exact total from one full minute to another. It adds up whole days, then whole hours of the days at both ends, then
// minutes of the hours at both ends. Example: Monday 22:58 to Thursday 01:02 is
//
//   the minutes 22:58 and 22:59, the hour 23:00, the days Tuesday and Wednesday, the hour 00:00, the minutes 01:00 and 01:01.
//
// Each event is in one minute, one hour and one day, and each rollup knows its next longer period (`within`). So each event is
// added once, from the longest period that lies in the total. The rollups say when a day begins: no time zone is needed.
//
// Minutes are kept for 30 days only. So the two hours that the ends cut are read as well. When the minutes of such an hour
// do not add up to the hour, minutes are gone, and the total takes the whole hour instead.

import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import type { Counts, Unit } from './fold.ts'

/** The counts of one thing. Over several periods, `at` is the earliest beginning and `until` the latest end. */
export type Sum = { app: string; id: string; at: Date; until: Date } & Counts

/**
 * A part of what is read for a total. `whole`: days and hours that lie in the total. The other parts belong to an hour that an
 * end of the total cuts: the `hour` itself, its minutes `inside` the total, and its minutes `outside`. `edge` says which end
 * cuts the hour; it is `from` when both ends cut the same hour.
 */
export type Part = Sum & { part: 'whole' | 'hour' | 'inside' | 'outside'; edge: 'from' | 'to' }

/** No period of the unit is longer, in any time zone (ms). */
export const LONGEST_MS: Readonly<Record<Unit, number>> = { MINUTE: MINUTE_MS, HOUR: HOUR_MS, DAY: 2 * DAY_MS }

/** Each part of the total of [from, to) matches one of these filters. Each filter bounds `at`, so that indexes help. */
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

/** Expressions of an aggregation that say to which part a rollup belongs. */
export function partExpressions(from: number, to: number): { part: object; edge: object } {
  const [begin, end] = [new Date(from), new Date(to)]
  const isMinute = { $eq: ['$unit', 'MINUTE'] }
  const isWhole = { $and: [{ $gte: ['$at', begin] }, { $lte: ['$until', end] }] }
  // Until 1972, a few time zones had an offset with seconds. A minute that is cut counts as inside there.
  const isInside = { $and: [{ $lt: ['$at', end] }, { $gt: ['$until', begin] }] }
  const hourBegins = { $cond: [isMinute, '$within.at', '$at'] }
  return {
    part: { $cond: [isMinute, { $cond: [isInside, 'inside', 'outside'] }, { $cond: [isWhole, 'whole', 'hour'] }] },
    edge: { $cond: [{ $lt: [hourBegins, begin] }, 'from', 'to'] },
  }
}

/** Returns one row for each id. All rows have the same period: [from, to), or longer where minutes are gone. */
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
    if (addUpToHours([...inside, ...outside], hour)) {
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

/** Whether the minutes of each thing add up to its hour. */
function addUpToHours(minutes: readonly Sum[], hours: readonly Sum[]): boolean {
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
