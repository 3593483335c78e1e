// The window of a schedule, [startsAt, endsAt): its state at a moment, and the MongoDB filters that find schedules by it.

import type { Period } from '../../common/store/filters.ts'

export type WindowState = 'UPCOMING' | 'RUNNING' | 'ENDED'

/** A bound that is null is open. */
type Window = { startsAt: Date | null; endsAt: Date | null }

/** @param now milliseconds since the Unix epoch. */
export function windowState({ startsAt, endsAt }: Window, now: number): WindowState {
  if (endsAt && endsAt.getTime() <= now) return 'ENDED'
  return startsAt && startsAt.getTime() > now ? 'UPCOMING' : 'RUNNING'
}

/** A filter for schedules whose window is in one of the states. @param now milliseconds since the Unix epoch. */
export function inWindowStates(states: readonly WindowState[], now: number): object {
  const at = new Date(now)
  const byState: Record<WindowState, object> = {
    UPCOMING: { 'content.startsAt': { $gt: at } },
    RUNNING: { $and: [startedBy({ $lte: at }), notEndedBy(at)] },
    ENDED: { 'content.endsAt': { $lte: at } },
  }
  return { $or: states.map((state) => byState[state]) }
}

/** Filters for schedules whose window overlaps the period. */
export function overlapping({ from, to }: Period): object[] {
  return [...(to ? [startedBy({ $lt: to })] : []), ...(from ? [notEndedBy(from)] : [])]
}

function startedBy(before: { $lt: Date } | { $lte: Date }): object {
  return { $or: [{ 'content.startsAt': null }, { 'content.startsAt': before }] }
}

function notEndedBy(at: Date): object {
  return { $or: [{ 'content.endsAt': null }, { 'content.endsAt': { $gt: at } }] }
}
