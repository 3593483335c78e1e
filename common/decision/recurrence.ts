// Recurrence rules: RRULE of RFC 5545 for whole days. They are read strictly, since what is not understood would be shown on
// the wrong days, and the days they name come from rrule-temporal.

import { RRuleTemporal } from 'rrule-temporal'
import { Temporal } from 'temporal-polyfill'
import { DAY_MS } from '../time.ts'
import { type ReadRule, readRule, WEEKDAYS } from './rrule.ts'

/** The days that a rule names, counted from 1970-01-01. */
export type Recurrence = { has(day: number): boolean }

/** Days are asked of the library for so many at once. */
const BLOCK_DAYS = 64
/** So far from its first day on a rule must have named a day, and all of them where it has a COUNT. */
const HORIZON_DAYS = 3_660

const SELDOM =
  'must have named as many days as COUNT says in the ten years from the day of startsAt on: say its last day by UNTIL'

type Rule = RRuleTemporal<Temporal.ZonedDateTime>

/**
 * @param first the day from which the rule counts; it is one of its days only if the rule names it.
 * @throws Error on a rule that this version does not know: no guess is safe.
 */
export function compileRecurrence(text: string, first: number): Recurrence {
  const read = readRule(text)
  if (!read.ok) throw new Error(`Cannot compile a recurrence: ${read.mistake}`)
  const { count, until } = read.rule
  const last = count === null ? until : lastCounted(read.rule, count, first)
  if (last === undefined) throw new Error(`Cannot compile a recurrence: it ${SELDOM}`)
  // Without its COUNT a rule is the same from wherever one looks: the library need not count up from the first day.
  const rule = ruleOf({ ...read.rule, until: last }, first)
  let block = Number.NaN
  let days = new Set<number>()
  return {
    has(day) {
      const asked = Math.floor(day / BLOCK_DAYS)
      if (asked !== block) {
        days = daysBetween(rule, asked * BLOCK_DAYS, (asked + 1) * BLOCK_DAYS - 1)
        block = asked
      }
      return days.has(day)
    },
  }
}

/** What is wrong with the days that a rule names when it counts from `first`; undefined when nothing is. */
export function recurrenceMistake(rule: ReadRule, first: number): string | undefined {
  if (daysBetween(ruleOf(rule, first), first, first + HORIZON_DAYS).size === 0) {
    return 'must name a day in the ten years from the day of startsAt on'
  }
  return rule.count !== null && lastCounted(rule, rule.count, first) === undefined ? SELDOM : undefined
}

/** The day on which the rule has named `count` days; undefined when that takes longer than the horizon. */
function lastCounted(rule: ReadRule, count: number, first: number): number | undefined {
  const endless = ruleOf(rule, first)
  const end = first + HORIZON_DAYS
  let left = count
  for (let from = first, length = BLOCK_DAYS; from <= end; from += length, length *= 2) {
    const days = [...daysBetween(endless, from, Math.min(from + length - 1, end))]
    if (days.length >= left) return days[left - 1]
    left -= days.length
  }
  return undefined
}

/** Ascending. */
function daysBetween(rule: Rule, from: number, to: number): Set<number> {
  return new Set(rule.between(new Date(from * DAY_MS), new Date(to * DAY_MS), true).map(dayOf))
}

/** The rule, its COUNT left aside. Days have no zone here: each stands as its midnight in UTC. */
function ruleOf({ frequency, count: _, until, ...parts }: ReadRule, first: number): Rule {
  // The day of the week that such a rule takes from its first day; the library takes it from wherever one looks.
  const byDay = parts.byWeekNo && !parts.byDay ? { byDay: [WEEKDAYS[midnight(first).dayOfWeek - 1]!] } : {}
  return new RRuleTemporal<Temporal.ZonedDateTime>({
    ...parts,
    ...byDay,
    freq: frequency,
    ...(until === null ? {} : { until: midnight(until) }),
    dtstart: midnight(first),
    temporal: Temporal,
    cache: false,
    strict: true,
  })
}

const midnight = (day: number) => Temporal.Instant.fromEpochMilliseconds(day * DAY_MS).toZonedDateTimeISO('UTC')
const dayOf = ({ epochMilliseconds }: Temporal.ZonedDateTime) => epochMilliseconds / DAY_MS
