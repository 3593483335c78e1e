// Reads the log, a CSV file of the Open Bandit Dataset. The whole file is checked before anything is booked.

import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { type CsvError, parse } from 'csv-parse/sync'

/** One row: an item that was shown in a position, and whether it was clicked. */
export type LogRow = {
  /** 1 for the first row after the header. */
  number: number
  at: Date
  item: string
  position: 1 | 2 | 3
  click: boolean
  /** `user_feature_k:<hash>` */
  tags: string[]
}

const FEATURES = ['user_feature_0', 'user_feature_1', 'user_feature_2', 'user_feature_3']
const COLUMNS = ['timestamp', 'item_id', 'position', 'click', 'propensity_score', ...FEATURES]
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)(\+00:00|Z)$/

/** Throws an Error with the line (the header is line 1), the expected value and the value in the file. */
export function readLog(path: string): LogRow[] {
  const rows = parseCsv(path)
  const [header, ...records] = rows
  if (header?.record.join() !== COLUMNS.join()) {
    throw new Error(`${path}, line 1: expected the columns ${COLUMNS.join(',')}`)
  }
  if (records.length === 0) throw new Error(`${path} has no rows`)
  return records.map(({ record, info }, index) => readRow(path, info.lines, index + 1, record))
}

type Parsed = { record: string[]; info: { lines: number } }

function parseCsv(path: string): Parsed[] {
  const bytes = readBytes(path)
  const line = firstLineNotUtf8(bytes)
  if (line !== undefined) throw new Error(`${path}, line ${line}: expected UTF-8, which some of its bytes are not`)
  try {
    return parse(bytes, {
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      bom: true,
    }) as unknown as Parsed[]
  } catch (error) {
    const { lines, message } = error as CsvError & { lines: number }
    throw new Error(`${path}, line ${lines}: ${message}`)
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`Cannot read the log: ${(error as Error).message}`)
  }
}

/** The CSV parser silently replaces bytes that are not UTF-8. So this function finds them first. */
function firstLineNotUtf8(bytes: Buffer): number | undefined {
  if (isUtf8(bytes)) return undefined
  for (let line = 1, from = 0; ; line++) {
    const end = bytes.indexOf('\n', from)
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return line
    from = end + 1
  }
}

function readRow(path: string, line: number, number: number, record: string[]): LogRow {
  const wrong = (column: string, expected: string, value: string | undefined) =>
    new Error(`${path}, line ${line}: ${column}: expected ${expected}, not ${JSON.stringify(value)}`)
  if (record.length !== COLUMNS.length) {
    throw new Error(`${path}, line ${line}: expected ${COLUMNS.length} values, not ${record.length}`)
  }
  const [timestamp, item, position, click, propensity, ...features] = record as [
    string,
    string,
    string,
    string,
    string,
    ...string[],
  ]
  const [, day, time] = TIMESTAMP.exec(timestamp) ?? []
  const at = new Date(`${day}T${time}Z`)
  // Date reads 31 February as 3 March.
  if (Number.isNaN(at.getTime()) || !at.toISOString().startsWith(day!))
    throw wrong('timestamp', 'a UTC time as 2019-11-24 00:03:13.442536+00:00', timestamp)
  if (!/^\d{1,9}$/.test(item)) throw wrong('item_id', 'a number', item)
  if (!/^[123]$/.test(position)) throw wrong('position', '1, 2 or 3', position)
  if (!/^[01]$/.test(click)) throw wrong('click', '0 or 1', click)
  if (propensity === '' || !(Number(propensity) > 0 && Number(propensity) <= 1))
    throw wrong('propensity_score', 'a fraction', propensity)
  for (const [index, feature] of features.entries()) {
    if (!/^[0-9a-f]{32}$/.test(feature)) throw wrong(FEATURES[index]!, 'a hash of 32 hexadecimal digits', feature)
  }
  const tags = features.map((feature, index) => `${FEATURES[index]}:${feature}`)
  return { number, at, item, position: Number(position) as LogRow['position'], click: click === '1', tags }
}
