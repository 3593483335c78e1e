// The date expressions: fields of a date, arithmetic in units of time, truncation, dates from parts. All take a time
// zone. If an argument is null, the result is null.
import { type CodeName, fail, notImplemented } from '../../errors.ts'
import { isDoc, type Maybe } from '../../values.ts'
import type { Operator } from '../context.ts'
import { isNullish, type NamedCodes, over, overNamed } from './arguments.ts'
import * as calendar from './calendar.ts'
import { addUnits, countUnits, truncateTo, unitOf, weekdayOf } from './calendar.ts'
import { checkedDate, dateOf, zoneOf } from './zone.ts'

/** A field of a date, given as an expression or as `{ date, timezone }`. */
function dateField(name: string, read: (local: number) => number): Operator {
  const codes: NamedCodes = {
    notDocument: 'Location40539',
    unknown: 'Location40535',
    required: { date: 'Location40539' },
    optional: ['timezone'],
  }
  const evaluate = (date: Maybe, zone: Maybe): Maybe => {
    if (isNullish(date)) return null
    const instant = dateOf(date)
    return read(instant + zoneOf(zone).offset(instant))
  }
  const named = overNamed(name, codes, ({ date, timezone }, given) =>
    given.has('timezone') && isNullish(timezone) ? null : evaluate(date, timezone),
  )
  const plain = over(name, 1, ([date]) => evaluate(date, undefined))
  return (operand, context, compile) => {
    const isNamed = isDoc(operand) && !Object.keys(operand)[0]?.startsWith('$')
    return (isNamed ? named : plain)(operand, context, compile)
  }
}

function someNull(values: Record<string, Maybe>, given: ReadonlySet<string>): boolean {
  return [...given].some((name) => isNullish(values[name]))
}

function moving(name: string, sign: 1 | -1): Operator {
  const code: CodeName = 'Location5166402'
  const codes: NamedCodes = {
    notDocument: 'Location5166400',
    unknown: 'Location5166401',
    required: { startDate: code, unit: code, amount: code },
    optional: ['timezone'],
  }
  return overNamed(name, codes, (values, given) => {
    const { startDate, unit, amount, timezone } = values
    if (someNull(values, given)) return null
    const start = dateOf(startDate, 'Location5166403')
    if (typeof amount !== 'number' || !Number.isSafeInteger(amount)) {
      return fail('Location5166405', `${name} expects integer amount of time units`)
    }
    return checkedDate(addUnits(start, unitOf(unit, name), sign * amount, zoneOf(timezone)))
  })
}

const truncation = overNamed(
  '$dateTrunc',
  {
    notDocument: 'Location5439007',
    unknown: 'Location5439008',
    required: { date: 'Location5439009', unit: 'Location5439010' },
    optional: ['binSize', 'timezone', 'startOfWeek'],
  },
  (values, given) => {
    if (someNull(values, new Set([...given].filter((name) => name !== 'startOfWeek')))) return null
    const unit = unitOf(values.unit, '$dateTrunc')
    if (unit === 'week' && given.has('startOfWeek') && isNullish(values.startOfWeek)) return null
    const { binSize = 1, startOfWeek = 'sunday' } = values
    const instant = dateOf(values.date, 'Location5439012')
    if (typeof binSize !== 'number' || !Number.isSafeInteger(binSize)) {
      return fail('Location5439017', "$dateTrunc requires 'binSize' to be a 64-bit integer")
    }
    if (binSize < 1) fail('Location5439018', "$dateTrunc requires 'binSize' to be greater than 0")
    const firstDay = unit === 'week' ? weekdayOf(startOfWeek, '$dateTrunc') : 0
    return checkedDate(truncateTo(instant, unit, binSize, zoneOf(values.timezone), firstDay))
  },
)

const difference = overNamed(
  '$dateDiff',
  {
    notDocument: 'Location5166301',
    unknown: 'Location5166302',
    required: { startDate: 'Location5166303', endDate: 'Location5166304', unit: 'Location5166305' },
    optional: ['timezone', 'startOfWeek'],
  },
  (values, given) => {
    if (someNull(values, new Set([...given].filter((name) => name !== 'startOfWeek')))) return null
    const unit = unitOf(values.unit, '$dateDiff')
    if (unit === 'week' && given.has('startOfWeek') && isNullish(values.startOfWeek)) return null
    const start = dateOf(values.startDate, 'Location5166307')
    const end = dateOf(values.endDate, 'Location5166307')
    const firstDay = unit === 'week' ? weekdayOf(values.startOfWeek ?? 'sunday', '$dateDiff') : 0
    return countUnits(start, end, unit, zoneOf(values.timezone), firstDay)
  },
)

const fromCalendarParts = overNamed(
  '$dateFromParts',
  {
    notDocument: 'Location40519',
    unknown: 'Location40518',
    required: { year: 'Location40516' },
    optional: ['month', 'day', 'hour', 'minute', 'second', 'millisecond', 'timezone'],
  },
  (values, given) => {
    if (someNull(values, given)) return null
    const part = (name: string, otherwise: number, limit: number): number => {
      const value = given.has(name) ? values[name] : otherwise
      if (typeof value !== 'number' || !Number.isInteger(value))
        return fail('Location40515', `'${name}' must evaluate to an integer`)
      if (Math.abs(value) > limit)
        fail('Location31034', `'${name}' must evaluate to a value in the range [-${limit}, ${limit}]`)
      return value
    }
    const year = part('year', 0, 2 ** 31)
    if (year < 1 || year > 9999) fail('Location40523', "'year' must evaluate to an integer in the range 1 to 9999")
    const local = calendar.fromParts({
      year,
      month: part('month', 1, 32_767),
      day: part('day', 1, 32_767),
      hour: part('hour', 0, 32_767),
      minute: part('minute', 0, 32_767),
      second: part('second', 0, 2 ** 53),
      millisecond: part('millisecond', 0, 2 ** 53),
    })
    return checkedDate(zoneOf(values.timezone).instant(checkedDate(local).getTime()))
  },
)

const fromParts: Operator = (operand, context, compile) => {
  const name = isDoc(operand) ? Object.keys(operand).find((key) => key.startsWith('iso')) : undefined
  if (name === 'isoWeekYear' || name === 'isoWeek' || name === 'isoDayOfWeek') {
    return notImplemented(`${name} of $dateFromParts`)
  }
  return fromCalendarParts(operand, context, compile)
}

const toParts = overNamed(
  '$dateToParts',
  {
    notDocument: 'Location40524',
    unknown: 'Location40520',
    required: { date: 'Location40522' },
    optional: ['timezone', 'iso8601'],
  },
  (values, given) => {
    if (someNull(values, given)) return null
    const { iso8601 = false } = values
    if (typeof iso8601 !== 'boolean') return fail('Location40521', 'iso8601 must evaluate to a bool')
    const instant = dateOf(values.date)
    const local = instant + zoneOf(values.timezone).offset(instant)
    const { year, month, day, ...time } = calendar.partsOf(local)
    if (!iso8601) return { year, month, day, ...time }
    const iso = calendar.isoWeek(local)
    return { isoWeekYear: iso.year, isoWeek: iso.week, isoDayOfWeek: calendar.isoWeekday(local), ...time }
  },
)

export const dates: Record<string, Operator> = {
  $year: dateField('$year', (local) => calendar.partsOf(local).year),
  $month: dateField('$month', (local) => calendar.partsOf(local).month),
  $dayOfMonth: dateField('$dayOfMonth', (local) => calendar.partsOf(local).day),
  $hour: dateField('$hour', (local) => calendar.partsOf(local).hour),
  $minute: dateField('$minute', (local) => calendar.partsOf(local).minute),
  $second: dateField('$second', (local) => calendar.partsOf(local).second),
  $millisecond: dateField('$millisecond', (local) => calendar.partsOf(local).millisecond),
  $dayOfWeek: dateField('$dayOfWeek', (local) => calendar.weekday(local) + 1),
  $dayOfYear: dateField('$dayOfYear', calendar.dayOfYear),
  $week: dateField('$week', calendar.weekOfYear),
  $isoDayOfWeek: dateField('$isoDayOfWeek', calendar.isoWeekday),
  $isoWeek: dateField('$isoWeek', (local) => calendar.isoWeek(local).week),
  $isoWeekYear: dateField('$isoWeekYear', (local) => calendar.isoWeek(local).year),
  $dateAdd: moving('$dateAdd', 1),
  $dateSubtract: moving('$dateSubtract', -1),
  $dateDiff: difference,
  $dateTrunc: truncation,
  $dateFromParts: fromParts,
  $dateToParts: toParts,
}
