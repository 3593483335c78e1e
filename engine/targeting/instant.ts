// The one rule for dates in constraints and attributes: ISO 8601, as a date (`2026-05-01`, the first instant of that day
// in UTC) or as a date and time with its offset (`2026-05-01T08:00+08:00`; seconds and their fraction may be left out).
// A time without an offset is none: it would mean another instant on every node. Compared to the millisecond.

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d)))?$/

/** In ms since the Unix epoch; undefined when the text is no such date, or not in the calendar (30 February). */
export function parseInstant(text: string): number | undefined {
  const found = DATE.exec(text)
  if (!found) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0))
  const ms = Number((found[7] ?? '').padEnd(3, '0').slice(0, 3))
  const offsetMinutes = Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0)
  if (hour! > 23 || minute! > 59 || second! > 59 || Number(found[9] ?? 0) > 23 || Number(found[10] ?? 0) > 59) {
    return undefined
  }
  // Unlike Date.UTC, it takes the years 0 to 99 for what they are.
  const date = new Date(0)
  date.setUTCFullYear(year!, month! - 1, day)
  if (date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day) return undefined
  const local = date.setUTCHours(hour!, minute, second, ms)
  return local - (found[8] === '-' ? -1 : 1) * offsetMinutes * 60_000
}
