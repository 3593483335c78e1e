// Compares Alkaid with the log. Are the decisions fair? Does every count of the reports equal the count in the log?

import cdf from '@stdlib/stats-base-dists-chisquare-cdf'
import { createClient } from '../shared/client.ts'
import type { Booked } from './book.ts'
import type { LogRow } from './read-log.ts'

const HOUR_MS = 3_600_000

/**
 * The smallest p-value of all positions, by Pearson's chi-square test. The p-value says how likely counts at least this uneven are
 * when all items have equal weights. Example: 2 items shown 60 and 40 times have the p-value 0.046.
 * @param decided position -> creative id -> how often it was chosen
 * @param items how many items there are
 */
export function smallestPValue(decided: ReadonlyMap<number, ReadonlyMap<string, number>>, items: number): number {
  const values = [...decided.values()].map((counts) => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    const expected = total / items
    const seen = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    const unseen = (items - counts.size) * expected
    return items < 2 ? 1 : 1 - cdf(seen + unseen, items - 1)
  })
  return Math.min(...values)
}

type Counts = { impressions: number; clicks: number; ctr: number | null }
/** `id` or `id @ hour` -> its counts. */
type Cells = Map<string, Counts>

/** Waits until the reports have every event, for at most 30 s. Then lists every cell that differs from the log. */
export async function findMismatches(
  url: string,
  token: string,
  booked: Booked,
  rows: readonly LogRow[],
): Promise<string[]> {
  const viewer = createClient(url, token)
  const times = rows.map((row) => row.at.getTime())
  const from = new Date(floor(Math.min(...times))).toISOString()
  const to = new Date(floor(Math.max(...times)) + HOUR_MS).toISOString()
  const report = async (by: string, interval: string) =>
    (await viewer(REPORT, { app: booked.app, by, from, to, interval })).report
  await untilCounted(() => report('SLOT', 'TOTAL'), rows)

  const mismatches: string[] = []
  for (const [by, idOf] of subjects(booked)) {
    for (const interval of ['TOTAL', 'HOUR']) {
      const keyOf = (id: string, at: number) =>
        interval === 'HOUR' ? `${id} @ ${new Date(floor(at)).toISOString()}` : id
      const expected = cellsOfLog(rows, (row) => keyOf(idOf(row), row.at.getTime()))
      const found = cellsOfReport((await report(by, interval)).rows, keyOf)
      mismatches.push(...differences(`${by} by ${interval}`, expected, found))
    }
  }
  return mismatches
}

function subjects({ slots, creatives, schedules }: Booked): [string, (row: LogRow) => string][] {
  return [
    ['SCHEDULE', (row) => schedules.get(`${row.item}/${row.position}`)!],
    ['CREATIVE', (row) => creatives.get(row.item)!],
    ['SLOT', (row) => slots.get(row.position)!],
  ]
}

async function untilCounted(total: () => Promise<{ total: Counts }>, rows: readonly LogRow[]): Promise<void> {
  const clicks = rows.filter((row) => row.click).length
  const until = Date.now() + 30_000
  while (Date.now() < until) {
    const { total: counted } = await total()
    if (counted.impressions >= rows.length && counted.clicks >= clicks) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function cellsOfLog(rows: readonly LogRow[], keyOf: (row: LogRow) => string): Cells {
  const cells: Cells = new Map()
  for (const row of rows) {
    const cell = cells.get(keyOf(row)) ?? { impressions: 0, clicks: 0, ctr: null }
    cell.impressions += 1
    cell.clicks += row.click ? 1 : 0
    cell.ctr = cell.clicks / cell.impressions
    cells.set(keyOf(row), cell)
  }
  return cells
}

function cellsOfReport(
  rows: readonly (Counts & { id: string; at: string })[],
  keyOf: (id: string, at: number) => string,
): Cells {
  return new Map(
    rows.map(({ id, at, impressions, clicks, ctr }) => [keyOf(id, Date.parse(at)), { impressions, clicks, ctr }]),
  )
}

function differences(what: string, expected: Cells, found: Cells): string[] {
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((key) => {
    const [wanted, got] = [JSON.stringify(expected.get(key)), JSON.stringify(found.get(key))]
    return wanted === got ? [] : [`${what}, ${key}: expected ${wanted ?? 'nothing'}, got ${got ?? 'nothing'}`]
  })
}

function floor(ms: number): number {
  return ms - (ms % HOUR_MS)
}

const REPORT = `query Report($app: ID!, $by: ReportSubject!, $from: DateTime!, $to: DateTime!, $interval: ReportInterval!) {
  report(app: $app, by: $by, from: $from, to: $to, interval: $interval) {
    rows { id at impressions clicks ctr }
    total { impressions clicks ctr }
  }
}`
