// The rule of what is archived: it cannot be used in anything new, not booked and not published for the first time. What is
// live stays live until it is withdrawn. This is the only place that says so. Each command says what it uses, and what of
// that is in use there already: named by the revision before, or pinned.

import { invalidState } from '../base/errors.ts'

/** Something that is used, or is to be. `what` is how people read it: `creative`. */
export type Use = { what: string; id: string; archivedAt: Date | null }

const NOTHING: ReadonlySet<string> = new Set()

export function useOf(what: string, { _id: id, archivedAt }: { _id: string; archivedAt: Date | null }): Use {
  return { what, id, archivedAt }
}

/** Those that are archived and would be in new use. `inUse`: the ids of what is in use there already. */
export function archivedAnew(uses: readonly Use[], inUse: ReadonlySet<string> = NOTHING): Use[] {
  return uses.filter(({ id, archivedAt }) => archivedAt !== null && !inUse.has(id))
}

/** What is wrong with such a use, in words that stand by themselves or after a path. */
export function archivedMistake({ what, id }: Use): string {
  return `the ${what} ${JSON.stringify(id)} is archived: it cannot be used in anything new`
}

/**
 * Throws INVALID_STATE that names all that is archived and would be in new use.
 *
 * @param where the sentence about it begins with this: `Cannot publish the schedule "sch_1"`.
 */
export function refuseArchivedAnew(where: string, uses: readonly Use[], inUse?: ReadonlySet<string>): void {
  const archived = archivedAnew(uses, inUse)
  if (archived.length === 0) return
  const names = archived.map(({ what, id }) => `the ${what} ${JSON.stringify(id)}`)
  throw invalidState(
    `${where}: ${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} archived and not live in it. What is archived cannot be ` +
      'used in anything new: use something else',
    { archived: archived.map(({ id }) => id) },
  )
}

/** Throws INVALID_STATE for what is archived itself. `action` as people read it: `be revised`. */
export function refuseArchived(what: string, thing: { _id: string; archivedAt: Date | null }, action: string): void {
  if (archivedAnew([useOf(what, thing)]).length === 0) return
  throw invalidState(`The ${what} ${JSON.stringify(thing._id)} is archived: it cannot ${action}`)
}
