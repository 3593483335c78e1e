// Reads the text of a recurrence rule: RRULE of RFC 5545 for whole days. It is strict, and gives equal rules the same text.

import { dayOfDate } from './days.ts'

/** A parsed rule. Lists are sorted and have no repeats. A list that was left out is missing. */
export type ReadRule = {
  frequency: 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY'
  interval: number
  count: number | null
  /** The last day, counted from 1970-01-01. */
  until: number | null
  /** The weekday on which weeks begin: 0 (Monday) to 6 (Sunday). */
  wkst: number
  byMonth?: number[]
  byWeekNo?: number[]
  byYearDay?: number[]
  byMonthDay?: number[]
  byDay?: WeekdayPlace[]
  bySetPos?: number[]
}

/** A weekday in a month or year. `place` 1 is the first one, -1 the last one, and 0 each one. */
export type WeekdayPlace = { place: number; weekday: number }

export type RuleReading = { ok: true; rule: ReadRule; text: string } | { ok: false; mistake: string }

const FREQUENCIES = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY']
/** In the order of ISO 8601. */
const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']
const TIMES_OF_DAY = ['BYHOUR', 'BYMINUTE', 'BYSECOND']

/** How to read the value of a part. Undefined: it is not what `expected` says. */
type Part = { expected: string; read(value: string): string | undefined }

/** In the order of the text of a rule. */
const PARTS: Record<string, Part> = {
  FREQ: { expected: 'one of DAILY, WEEKLY, MONTHLY and YEARLY', read: oneOf(FREQUENCIES) },
  INTERVAL: { expected: 'a whole number from 1 to 1,000', read: whole(1, 1_000) },
  COUNT: { expected: 'a whole number from 1 to 1,000', read: whole(1, 1_000) },
  UNTIL: { expected: 'a date such as 20261231, the last day that the rule may name', read: readDate },
  BYMONTH: { expected: 'months from 1 to 12', read: listOf(whole(1, 12)) },
  BYWEEKNO: { expected: 'weeks from 1 to 53, or -53 to -1', read: listOf(signed(53)) },
  BYYEARDAY: { expected: 'days from 1 to 366, or -366 to -1', read: listOf(signed(366)) },
  BYMONTHDAY: { expected: 'days from 1 to 31, or -31 to -1', read: listOf(signed(31)) },
  BYDAY: { expected: 'days such as MO, TU or -1FR', read: listOf(readWeekday) },
  BYSETPOS: { expected: 'places from 1 to 366, or -366 to -1', read: listOf(signed(366)) },
  WKST: { expected: `one of ${WEEKDAYS.join(', ')}`, read: oneOf(WEEKDAYS) },
}

/** Reads a rule in any letter case, with or without `RRULE:` before it. Equal rules get the same `text`. */
export function readRule(text: string): RuleReading {
  const parts = new Map<string, string>()
  const written = text
    .trim()
    .toUpperCase()
    .replace(/^RRULE:/, '')
    .replace(/;$/, '')
  for (const piece of written.split(';')) {
    const [name = '', value, ...rest] = piece.split('=')
    if (value === undefined || rest.length > 0) {
      return mistake(`${quoted(piece)} is not a part of a rule: expected NAME=VALUE, as in FREQ=WEEKLY;BYDAY=MO,FR`)
    }
    if (TIMES_OF_DAY.includes(name))
      return mistake(`${name} is not supported: a rule names days. Set times of day in dayParts`)
    const part = Object.hasOwn(PARTS, name) ? PARTS[name]! : undefined
    if (!part) return mistake(`${quoted(name)} is unknown: expected one of ${Object.keys(PARTS).join(', ')}`)
    if (parts.has(name)) return mistake(`${name} is repeated: expected it once`)
    const read = part.read(value)
    if (read === undefined) return mistake(`${name}=${value} is wrong: expected ${part.expected}`)
    parts.set(name, read)
  }
  const misfit = misfitOf(parts)
  if (misfit) return mistake(misfit)
  const inOrder = Object.keys(PARTS).filter((name) => parts.has(name))
  return { ok: true, rule: ruleFrom(parts), text: inOrder.map((name) => `${name}=${parts.get(name)}`).join(';') }
}

/** Weeks that can lie in two calendar years: the first and the last, counted from both ends. */
const WEEKS_OF_TWO_YEARS = ['1', '52', '53', '-1', '-52', '-53']

/**
 * The mistake in the combination of parts; undefined: none. RFC 5545 (3.3.10) forbids some combinations. It allows others that
 * calendars read in different ways. Those are refused too, so that nothing is shown on unexpected days.
 */
function misfitOf(parts: ReadonlyMap<string, string>): string | undefined {
  const frequency = parts.get('FREQ')
  const has = (...names: string[]) => names.some((name) => parts.has(name))
  const valuesOf = (name: string) => parts.get(name)?.split(',') ?? []
  const isNumbered = valuesOf('BYDAY').some((day) => day.length > 2)
  const yearly = frequency === 'YEARLY'
  const lists = [...parts.keys()].filter((name) => name.startsWith('BY') && name !== 'BYSETPOS')
  const misfits: [boolean, string][] = [
    [frequency === undefined, `FREQ is missing: expected ${PARTS.FREQ!.expected}`],
    [has('COUNT') && has('UNTIL'), 'COUNT and UNTIL cannot be together'],
    [has('BYWEEKNO') && !yearly, 'BYWEEKNO needs FREQ=YEARLY'],
    [has('BYYEARDAY') && !yearly, 'BYYEARDAY needs FREQ=YEARLY'],
    [has('BYMONTHDAY') && frequency === 'WEEKLY', 'BYMONTHDAY cannot be with FREQ=WEEKLY'],
    [isNumbered && !yearly && frequency !== 'MONTHLY', 'BYDAY with numbers needs FREQ=MONTHLY or FREQ=YEARLY'],
    [isNumbered && has('BYWEEKNO'), 'BYDAY with numbers cannot be with BYWEEKNO'],
    [has('BYSETPOS') && lists.length === 0, 'BYSETPOS needs another BY part, from whose days it selects'],
    // Ambiguous: does the second part add days, or remove some?
    [has('BYWEEKNO') && has('BYMONTHDAY'), 'BYWEEKNO cannot be with BYMONTHDAY'],
    [has('BYYEARDAY') && has('BYMONTHDAY', 'BYWEEKNO'), 'BYYEARDAY cannot be with BYMONTHDAY or BYWEEKNO'],
    // Ambiguous: 2019-12-30 is in week 1 of 2020. Is it a day of 2019 or of 2020? Without INTERVAL and BYSETPOS it does not matter.
    [
      valuesOf('BYWEEKNO').some((week) => WEEKS_OF_TWO_YEARS.includes(week)) && (has('BYSETPOS') || skipsYears(parts)),
      `BYWEEKNO with ${WEEKS_OF_TWO_YEARS.join(', ')} cannot be with INTERVAL or BYSETPOS: such a week can lie in two years`,
    ],
  ]
  return misfits.find(([applies]) => applies)?.[1]
}

function skipsYears(parts: ReadonlyMap<string, string>): boolean {
  return Number(parts.get('INTERVAL') ?? 1) > 1
}

function ruleFrom(parts: ReadonlyMap<string, string>): ReadRule {
  const list = (name: string) => parts.get(name)?.split(',')
  const named = (key: keyof ReadRule, value: unknown) => (value === undefined ? {} : { [key]: value })
  const until = parts.get('UNTIL')
  return {
    frequency: parts.get('FREQ') as ReadRule['frequency'],
    interval: Number(parts.get('INTERVAL') ?? 1),
    count: parts.has('COUNT') ? Number(parts.get('COUNT')) : null,
    until: until === undefined ? null : dayOfDate(isoDate(until))!,
    wkst: WEEKDAYS.indexOf(parts.get('WKST') ?? 'MO'),
    ...named('byMonth', list('BYMONTH')?.map(Number)),
    ...named('byWeekNo', list('BYWEEKNO')?.map(Number)),
    ...named('byYearDay', list('BYYEARDAY')?.map(Number)),
    ...named('byMonthDay', list('BYMONTHDAY')?.map(Number)),
    ...named('byDay', list('BYDAY')?.map(weekdayPlace)),
    ...named('bySetPos', list('BYSETPOS')?.map(Number)),
  }
}

function weekdayPlace(text: string): WeekdayPlace {
  return { place: Number(text.slice(0, -2)), weekday: WEEKDAYS.indexOf(text.slice(-2)) }
}

const mistake = (text: string): RuleReading => ({ ok: false, mistake: text })
const quoted = (text: string) => JSON.stringify(text)

function oneOf(words: readonly string[]) {
  return (value: string) => (words.includes(value) ? value : undefined)
}

function whole(min: number, max: number) {
  return (value: string) => (/^\+?\d{1,4}$/.test(value) && +value >= min && +value <= max ? String(+value) : undefined)
}

/** 1 to `max`, or -`max` to -1. */
function signed(max: number) {
  const size = whole(1, max)
  return (value: string) => {
    if (!value.startsWith('-')) return size(value)
    const back = /^-\d/.test(value) ? size(value.slice(1)) : undefined
    return back && `-${back}`
  }
}

/** Without repeats. Numbers are sorted, weekdays keep their order. */
function listOf(item: (value: string) => string | undefined) {
  return (value: string) => {
    const items = value.split(',').map(item)
    if (items.includes(undefined)) return undefined
    return [...new Set(items)].sort((a, b) => Number(a) - Number(b) || 0).join(',')
  }
}

function readWeekday(value: string): string | undefined {
  const [, place = '', day] = /^([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)$/.exec(value) ?? []
  if (day === undefined || place === '') return day
  const read = signed(53)(place)
  return read && `${read}${day}`
}

function readDate(value: string): string | undefined {
  return dayOfDate(isoDate(value)) === undefined ? undefined : value
}

function isoDate(value: string): string {
  return value.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3')
}
