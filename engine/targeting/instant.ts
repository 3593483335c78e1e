// The rule for dates in constraints and attributes: ISO 8601, compared to the millisecond.
// - A date: `2026-05-01` is the first instant of that day in UTC.
// - A date and time with an offset: `2026-05-01T08:00+08:00`. Seconds and their fraction are optional.
// - A time without an offset is not valid, because it would mean a different instant in every time zone.

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d)))?$/

/** In ms since the Unix epoch; undefined: the text is not such a date, or not in the calendar (30 February). */
export function parseInstant(text: string): number | undefined {
  const found = DATE.exec(text)
  if (!found) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0))
  const ms = Number((found[7] ?? '').padEnd(3, '0').slice(0, 3))
  const offsetMinutes = Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0)
  if (hour! > 23 || minute! > 59 || second! > 59 || Number(found[9] ?? 0) > 23 || Number(found[10] ?? 0) > 59) {
    return undefined
  }
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  const date = new Date(0)
  date.setUTCFullYear(year!, month! - 1, day)
  if (date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day) return undefined
  const local = date.setUTCHours(hour!, minute, second, ms)
  return local - (found[8] === '-' ? -1 : 1) * offsetMinutes * 60_000
}
