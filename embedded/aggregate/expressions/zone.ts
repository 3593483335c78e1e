// Time zones, by Olson name or by offset. Local time is a number of ms that, read as UTC, shows the clock of the zone.
import { ObjectId } from 'bson'
import { Temporal } from 'temporal-polyfill'
import { type CodeName, fail, notImplemented } from '../../errors.ts'
import type { Maybe } from '../../values.ts'
import { typeName } from './arguments.ts'

export interface Zone {
  isUtc: boolean
  /** Local time minus UTC at an instant, in ms. */
  offset(instant: number): number
  /** The instant of a local time. If there are two, the first. In a gap of the clock, moved forward over it. */
  instant(local: number): number
}

const utc: Zone = { isUtc: true, offset: () => 0, instant: (local) => local }
// Kept for the whole process, because Temporal is slow to find a zone. It is only a memo: a zone never changes.
const zones = new Map<string, Zone>([
  ['UTC', utc],
  ['GMT', utc],
])

/** Undefined is UTC. Throws 40517 if the name is not a string, 40485 if the zone is unknown. */
export function zoneOf(name: Maybe): Zone {
  if (name === undefined) return utc
  if (typeof name !== 'string')
    return fail('Location40517', `timezone must evaluate to a string, found ${typeName(name)}`)
  let zone = zones.get(name)
  if (zone === undefined) {
    zone = fixed(name) ?? named(name)
    if (zones.size < 1000) zones.set(name, zone)
  }
  return zone
}

function fixed(name: string): Zone | undefined {
  const parts = /^([+-])(\d{2})(?::?(\d{2}))?$/.exec(name)
  if (parts === null) return undefined
  const offset = (parts[1] === '-' ? -1 : 1) * (Number(parts[2]) * 60 + Number(parts[3] ?? 0)) * 60_000
  return { isUtc: offset === 0, offset: () => offset, instant: (local) => local - offset }
}

function named(name: string): Zone {
  const unknown = () => fail('Location40485', `unrecognized time zone identifier: "${name}"`)
  if (!/^[A-Z]/.test(name)) return unknown()
  let canonical: string
  try {
    canonical = Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId
  } catch {
    return unknown() // Temporal throws a RangeError that says no more
  }
  // MongoDB distinguishes upper and lower case, Temporal does not.
  if (canonical !== name) return unknown()
  return {
    isUtc: false,
    offset: (instant) =>
      Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(name).offsetNanoseconds / 1e6,
    instant: (local) =>
      Temporal.PlainDateTime.from(new Date(local).toISOString().slice(0, -1)).toZonedDateTime(name).epochMilliseconds,
  }
}

/** The time (ms) of a date, or of an object id. */
export function dateOf(value: Maybe, code: CodeName = 'Location16006'): number {
  if (value instanceof Date) return value.getTime()
  if (value instanceof ObjectId) return value.getTimestamp().getTime()
  return fail(code, `can't convert from BSON type ${typeName(value)} to Date`)
}

export function checkedDate(instant: number): Date {
  const date = new Date(instant)
  return Number.isNaN(date.getTime()) ? notImplemented('a date out of range') : date
}
