// `$dateToString` and its format specifiers.
import { fail, notImplemented } from '../../errors.ts'
import type { Expression, Operator } from '../context.ts'
import { isNullish, namedSpecs, typeName } from './arguments.ts'
import { dayOfYear, isoWeek, isoWeekday, partsOf, weekday, weekOfYear } from './calendar.ts'
import { dateOf, zoneOf } from './zone.ts'

type Specifier = (local: number, offsetMinutes: number) => string

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function year(value: number): string {
  if (value < 0 || value > 9999)
    fail(
      'Location18537',
      `Could not convert date to string: date component was outside the supported range of 0-9999: ${value}`,
    )
  return pad(value, 4)
}

const specifiers: Record<string, Specifier> = {
  '%': () => '%',
  Y: (local) => year(partsOf(local).year),
  m: (local) => pad(partsOf(local).month, 2),
  d: (local) => pad(partsOf(local).day, 2),
  H: (local) => pad(partsOf(local).hour, 2),
  M: (local) => pad(partsOf(local).minute, 2),
  S: (local) => pad(partsOf(local).second, 2),
  L: (local) => pad(partsOf(local).millisecond, 3),
  j: (local) => pad(dayOfYear(local), 3),
  w: (local) => String(weekday(local) + 1),
  u: (local) => String(isoWeekday(local)),
  U: (local) => pad(weekOfYear(local), 2),
  V: (local) => pad(isoWeek(local).week, 2),
  G: (local) => year(isoWeek(local).year),
  z: (_local, offset) =>
    `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60), 2)}${pad(Math.abs(offset) % 60, 2)}`,
  Z: (_local, offset) => `${offset < 0 ? '-' : '+'}${pad(Math.abs(offset), 3)}`,
}

function parseFormat(format: string): ((local: number, offset: number) => string)[] {
  return [...format.matchAll(/%([\s\S]?)|[^%]+/g)].map(([text, letter]) => {
    if (letter === undefined) return () => text
    if (letter === '') return fail('Location18535', "Unmatched '%' at end of format string")
    if ('bB'.includes(letter)) return notImplemented(`the format specifier %${letter} of $dateToString`)
    return specifiers[letter] ?? fail('Location18536', `Invalid format character '%${letter}' in format string`)
  })
}

const dateToString: Operator = (operand, context, compile) => {
  const specs = namedSpecs('$dateToString', operand, {
    notDocument: 'Location18629',
    unknown: 'Location18534',
    required: { date: 'Location18628' },
    optional: ['format', 'timezone', 'onNull'],
  })
  const part = (name: string): Expression | undefined =>
    specs[name] === undefined ? undefined : compile(specs[name], context)
  const [date, format, timezone, onNull] = [part('date')!, part('format'), part('timezone'), part('onNull')]
  return (scope) => {
    const pattern = format === undefined ? undefined : format(scope)
    const zoneName = timezone?.(scope)
    const value = date(scope)
    if (isNullish(value)) return onNull === undefined ? null : onNull(scope)
    if ((format !== undefined && isNullish(pattern)) || (timezone !== undefined && isNullish(zoneName))) return null
    const zone = zoneOf(zoneName)
    const instant = dateOf(value)
    if (format === undefined && !zone.isUtc) notImplemented('$dateToString in a time zone without a format')
    if (format !== undefined && typeof pattern !== 'string') {
      fail('Location18533', `$dateToString requires that 'format' be a string, found: ${typeName(pattern)}`)
    }
    const offset = zone.offset(instant)
    const pieces = parseFormat((pattern as string | undefined) ?? '%Y-%m-%dT%H:%M:%S.%LZ')
    return pieces.map((piece) => piece(instant + offset, Math.trunc(offset / 60_000))).join('')
  }
}

export const dateFormat: Record<string, Operator> = { $dateToString: dateToString }
