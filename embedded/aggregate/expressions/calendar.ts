// Calendar arithmetic on local time: fields of a date, weeks, and units of time that are added, truncated to, counted.
// Local time is a number of ms that, read as UTC, shows the clock of the time zone. Days and longer units follow that
// clock. Hours and shorter units are spans of elapsed time.
import { fail, notImplemented } from '../../errors.ts'
import type { Maybe } from '../../values.ts'
import { typeName } from './arguments.ts'
import type { Zone } from './zone.ts'

export const dayMs = 86_400_000

export interface Parts {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  millisecond: number
}

export function partsOf(local: number): Parts {
  const date = new Date(local)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: date.getUTCMilliseconds(),
  }
}

/** A field beyond its range carries over: month 13 is January of the next year. */
export function fromParts({ year, month, day, hour, minute, second, millisecond }: Parts): number {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, millisecond)
  return date.getTime()
}

export function startOfDay(local: number): number {
  return dayNumber(local) * dayMs
}

export function dayNumber(local: number): number {
  return Math.floor(local / dayMs)
}

/** 0 for Sunday. */
export function weekday(local: number): number {
  return new Date(local).getUTCDay()
}

/** 1 on the first of January. */
export function dayOfYear(local: number): number {
  return dayNumber(local) - dayNumber(yearStart(local)) + 1
}

/** Weeks begin on Sunday; days before the first Sunday are in week 0. */
export function weekOfYear(local: number): number {
  return Math.floor((dayOfYear(local) + 6 - weekday(local)) / 7)
}

/** 1 for Monday, 7 for Sunday. */
export function isoWeekday(local: number): number {
  return weekday(local) || 7
}

/** The week with the year's first Thursday is week 1. */
export function isoWeek(local: number): { year: number; week: number } {
  const thursday = local + (4 - isoWeekday(local)) * dayMs
  return { year: new Date(thursday).getUTCFullYear(), week: Math.floor((dayOfYear(thursday) - 1) / 7) + 1 }
}

function yearStart(local: number): number {
  const year = new Date(local).getUTCFullYear()
  return fromParts({ year, month: 1, day: 1, hour: 0, minute: 0, second: 0, millisecond: 0 })
}

const elapsed = { hour: 3_600_000, minute: 60_000, second: 1_000, millisecond: 1 } as const
const days = { day: 1, week: 7 } as const
const months = { month: 1, quarter: 3, year: 12 } as const
export type TimeUnit = keyof typeof elapsed | keyof typeof days | keyof typeof months

export function unitOf(value: Maybe, name: string): TimeUnit {
  if (typeof value !== 'string')
    return fail('Location5439013', `${name} requires 'unit' to be a string, but got ${typeName(value)}`)
  if (value in elapsed || value in days || value in months) return value as TimeUnit
  return fail('FailedToParse', `unknown time unit value: ${value}`)
}

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** 0 for Sunday. Takes full names and their first three letters, in upper or lower case. */
export function weekdayOf(value: Maybe, name: string): number {
  if (typeof value !== 'string')
    return fail('Location5439015', `${name} requires 'startOfWeek' to be a string, but got ${typeName(value)}`)
  const lower = value.toLowerCase()
  const at = weekdays.findIndex((day) => day === lower || day.slice(0, 3) === lower)
  return at === -1 ? fail('FailedToParse', `unknown day of week value: ${value}`) : at
}

/** Months keep the day, or take the last day of a shorter month. */
export function addUnits(instant: number, unit: TimeUnit, amount: number, zone: Zone): number {
  if (unit in elapsed) return instant + amount * elapsed[unit as keyof typeof elapsed]
  const local = instant + zone.offset(instant)
  if (unit in days) return moved(instant, local, local + amount * days[unit as keyof typeof days] * dayMs, zone)
  const parts = partsOf(local)
  const month = parts.month + amount * months[unit as keyof typeof months]
  const lastDay = new Date(fromParts({ ...parts, month: month + 1, day: 0 })).getUTCDate()
  return moved(instant, local, fromParts({ ...parts, month, day: Math.min(parts.day, lastDay) }), zone)
}

function moved(instant: number, from: number, to: number, zone: Zone): number {
  if (from === to) return instant
  return Number.isNaN(to) || Math.abs(to) > 8.64e15 - dayMs ? notImplemented('a date out of range') : zone.instant(to)
}

/** Bins are counted from the first moment of 2000, a Saturday. */
const reference = Date.UTC(2000, 0, 1)

export function truncateTo(instant: number, unit: TimeUnit, size: number, zone: Zone, startOfWeek: number): number {
  const local = instant + zone.offset(instant)
  if (unit in elapsed) {
    const width = size * elapsed[unit as keyof typeof elapsed]
    const origin = zone.instant(reference)
    const bin = origin + Math.floor((instant - origin) / width) * width
    // If the clock has changed since 2000 by no multiple of the bin, MongoDB's bin and the bin on the clock differ.
    const onClock = reference + Math.floor((local - reference) / width) * width
    return bin + zone.offset(instant) === onClock
      ? bin
      : notImplemented(`$dateTrunc to ${size} ${unit} across a change of the zone's clock`)
  }
  if (unit in days) {
    const first = unit === 'week' ? dayNumber(reference) + ((startOfWeek - 6 + 7) % 7) : dayNumber(reference)
    const width = size * days[unit as keyof typeof days]
    return zone.instant((first + Math.floor((dayNumber(local) - first) / width) * width) * dayMs)
  }
  const width = size * months[unit as keyof typeof months]
  const { year, month } = partsOf(local)
  const bin = Math.floor(((year - 2000) * 12 + month - 1) / width) * width
  return zone.instant(fromParts({ ...partsOf(reference), month: 1 + bin }))
}

/** The number of boundaries of the unit between two instants. */
export function countUnits(start: number, end: number, unit: TimeUnit, zone: Zone, startOfWeek: number): number {
  const [from, to] = [start + zone.offset(start), end + zone.offset(end)]
  if (unit in elapsed) {
    const width = elapsed[unit as keyof typeof elapsed]
    const change = to - end - (from - start)
    if (change % width !== 0 && unit !== 'millisecond')
      return notImplemented(`$dateDiff in ${unit}s across a change of the zone's clock`)
    return Math.floor(to / width) - Math.floor(from / width) - change / width
  }
  if (unit === 'day') return dayNumber(to) - dayNumber(from)
  if (unit === 'week') return (weekStart(to, startOfWeek) - weekStart(from, startOfWeek)) / (7 * dayMs)
  const width = months[unit as keyof typeof months]
  const index = (local: number) => Math.floor((partsOf(local).year * 12 + partsOf(local).month - 1) / width)
  return index(to) - index(from)
}

function weekStart(local: number, startOfWeek: number): number {
  return startOfDay(local) - ((weekday(local) - startOfWeek + 7) % 7) * dayMs
}
