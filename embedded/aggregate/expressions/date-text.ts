// Dates from text, in the ISO forms only: MongoDB reads many more, and guesses.
import { fail, notImplemented } from '../../errors.ts'

const iso = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/

export function parseDate(text: string): Date {
  const parts = iso.exec(text)
  if (parts === null) {
    if (!/\d/.test(text)) return fail('ConversionFailure', `Error parsing date string '${text}'`)
    return notImplemented(`the date '${text}' in another form than ISO 8601`)
  }
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    ...[number, number, number, number, number, number],
  ]
  const local = new Date(0)
  local.setUTCFullYear(year, month - 1, day)
  local.setUTCHours(hour, minute, second, Number((parts[7] ?? '').padEnd(3, '0')))
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    return notImplemented(`the date '${text}', whose fields are out of range`)
  }
  return new Date(local.getTime() - offsetOf(parts[8] ?? 'Z'))
}

function offsetOf(text: string): number {
  if (text === 'Z') return 0
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(text)!
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}
