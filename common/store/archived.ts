// The rule for archived things, in one place: an archived thing cannot get a new use. It is not booked, and not published for the
// first time. What is live stays live until it is withdrawn. Each command names the things that it uses (`uses`), and which of them are
// in use there already (`inUse`): the revision before names them, or they are pinned. Archiving something that is live needs a
// confirmation.

import { invalidState } from '../base/errors.ts'

/** A thing that a command uses. `what`: its kind in messages, such as `creative`. */
export type Use = { what: string; id: string; archivedAt: Date | null }

const NOTHING: ReadonlySet<string> = new Set()

export function useOf(what: string, { _id: id, archivedAt }: { _id: string; archivedAt: Date | null }): Use {
  return { what, id, archivedAt }
}

/** The archived things that would get a new use. `inUse`: ids of the things that are in use there already. */
export function newUsesOfArchived(uses: readonly Use[], inUse: ReadonlySet<string> = NOTHING): Use[] {
  return uses.filter(({ id, archivedAt }) => archivedAt !== null && !inUse.has(id))
}

/** The message for a new use of an archived thing. It can follow a path: `input.slot: the slot "slt_1" is archived: ...`. */
export function archivedMistake({ what, id }: Use): string {
  return `the ${what} ${JSON.stringify(id)} is archived: it cannot be used in anything new`
}

/**
 * Throws INVALID_STATE with the names of all archived things that would get a new use.
 *
 * @param where the beginning of the message: `Cannot publish the schedule "sch_1"`.
 */
export function refuseNewUseOfArchived(where: string, uses: readonly Use[], inUse?: ReadonlySet<string>): void {
  const archived = newUsesOfArchived(uses, inUse)
  if (archived.length === 0) return
  const names = archived.map(({ what, id }) => `the ${what} ${JSON.stringify(id)}`)
  throw invalidState(
    `${where}: ${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} archived and not live in it. What is archived cannot be ` +
      'used in anything new: use something else',
    { archived: archived.map(({ id }) => id) },
  )
}

/** Throws INVALID_STATE when the thing itself is archived. `action`: what it cannot do, for the message, such as `be revised`. */
export function refuseArchived(what: string, thing: { _id: string; archivedAt: Date | null }, action: string): void {
  if (newUsesOfArchived([useOf(what, thing)]).length === 0) return
  throw invalidState(`The ${what} ${JSON.stringify(thing._id)} is archived: it cannot ${action}`)
}

/**
 * Where a thing is live now: in schedules that are live or paused, and in the published settings of slots (their fallback). Only the first
 * ones are listed; `total` counts all.
 */
export type LivePlaces = { schedules: string[]; slots: string[]; total: number }

/** How many places a message names. */
const MAX_PLACES_NAMED = 5

/** Throws INVALID_STATE that says where the thing is live. Does nothing when it is live nowhere. */
export function refuseLive(what: string, id: string, { schedules, slots, total }: LivePlaces): void {
  if (total === 0) return
  const named = [...slots.map((one) => `the slot "${one}"`), ...schedules.map((one) => `the schedule "${one}"`)]
  const places = named.slice(0, MAX_PLACES_NAMED)
  const others = total - places.length
  const where = `${places.join(', ')}${others > 0 ? ` and ${others} more` : ''}`
  throw invalidState(
    `The ${what} ${JSON.stringify(id)} is live in ${where}. It would stay live there. Withdraw it first, or send \`confirmLive: true\` ` +
      'to archive it as it is',
    { live: { schedules, slots, total } },
  )
}

/** Throws INVALID_STATE when the thing is not archived. */
export function refuseNotArchived(what: string, thing: { _id: string; archivedAt: Date | null }): void {
  if (thing.archivedAt === null) throw invalidState(`The ${what} ${JSON.stringify(thing._id)} is not archived`)
}
