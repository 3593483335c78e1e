// The calendar fields of a local time (ms that read as such in UTC), and days and weeks counted through.
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

/** Fields beyond their range carry over. */
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
