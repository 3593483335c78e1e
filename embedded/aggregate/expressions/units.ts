// The units of time, and adding, truncating to and counting them. Days and longer units follow the zone's calendar;
// hours and shorter ones are spans of elapsed time.
import { fail, notImplemented } from '../../errors.ts'
import type { Maybe } from '../../values.ts'
import { typeName } from './arguments.ts'
import { dayMs, dayNumber, fromParts, partsOf, startOfDay, weekday } from './calendar.ts'
import type { Zone } from './zone.ts'

const elapsed = { hour: 3_600_000, minute: 60_000, second: 1_000, millisecond: 1 } as const
const days = { day: 1, week: 7 } as const
const months = { month: 1, quarter: 3, year: 12 } as const
export type Unit = keyof typeof elapsed | keyof typeof days | keyof typeof months

export function unitOf(value: Maybe, name: string): Unit {
  if (typeof value !== 'string')
    return fail('Location5439013', `${name} requires 'unit' to be a string, but got ${typeName(value)}`)
  if (value in elapsed || value in days || value in months) return value as Unit
  return fail('FailedToParse', `unknown time unit value: ${value}`)
}

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** 0 for Sunday; full names and their first three letters, in any case. */
export function weekdayOf(value: Maybe, name: string): number {
  if (typeof value !== 'string')
    return fail('Location5439015', `${name} requires 'startOfWeek' to be a string, but got ${typeName(value)}`)
  const lower = value.toLowerCase()
  const at = weekdays.findIndex((day) => day === lower || day.slice(0, 3) === lower)
  return at === -1 ? fail('FailedToParse', `unknown day of week value: ${value}`) : at
}

/** Months keep the day, or take the last one of a shorter month. */
export function addUnits(instant: number, unit: Unit, amount: number, zone: Zone): number {
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

/** The first moment of 2000, from which bins are counted; it was a Saturday. */
const reference = Date.UTC(2000, 0, 1)

export function truncateTo(instant: number, unit: Unit, size: number, zone: Zone, startOfWeek: number): number {
  const local = instant + zone.offset(instant)
  if (unit in elapsed) {
    const width = size * elapsed[unit as keyof typeof elapsed]
    const origin = zone.instant(reference)
    const bin = origin + Math.floor((instant - origin) / width) * width
    // Where the zone's clock was changed since 2000 by no multiple of the bin, its bins and the clock's are not the same.
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

/** How many boundaries of the unit lie between two instants. */
export function countUnits(start: number, end: number, unit: Unit, zone: Zone, startOfWeek: number): number {
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
