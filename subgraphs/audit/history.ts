// The change log as the graph shows it: every change of one thing, newest first. Who may see it follows from the app that the
// changes belong to, because a subject may not exist any more, or never have existed.

import { z } from 'zod'
import { authorize, readerOf, requirePrincipal } from '../../common/access/rights.ts'
import { idOf, optional, optionalText, parseInput, period, text } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type Connection, type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import type { SubgraphContext } from '../../common/graphql/subgraph.ts'
import {
  appOfChanges,
  type Change,
  type ChangeFilter,
  changesOf,
  countChanges,
  type SubjectType,
} from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { slots } from '../schedule/repository.ts'
import type { AuditLoaders } from './loaders.ts'

const MAX_MUTATIONS = 100

const filterInput = z.object({
  period: optional(period),
  actor: optionalText(200),
  mutations: optional(z.array(text(100)).max(MAX_MUTATIONS, `must hold at most ${MAX_MUTATIONS}`)),
})

/** The kind of the ids of each kind of thing that is reviewed. */
export const ID_KINDS = {
  SCHEDULE: 'schedule',
  CREATIVE: 'creative',
  STRATEGY: 'strategy',
  SEGMENT: 'segment',
} as const

export type HistoryArguments = PageArguments & { subject: Change['subject']; filter?: unknown }

/** One page of the changes of a subject. Throws FORBIDDEN without a role in its app. */
export async function readHistory(
  { store }: Services,
  caller: Caller,
  { subject: named, filter: given, ...page }: HistoryArguments,
): Promise<Connection<Change>> {
  requirePrincipal(caller.principal)
  const subject = await resolveSubject(store, caller, named)
  const { first, limit, after } = readPage(page)
  const filter: ChangeFilter = parseInput(filterInput, given ?? {}, 'filter')
  // A subject without changes shows nothing to anybody. An app's code can be guessed, so its role is checked in any case:
  // nobody else learns whether the app exists.
  const app = subject.type === 'APP' ? subject.id : await appOfChanges(store, subject)
  if (app !== null) authorize(caller.principal, app, 'read')
  const changes = await changesOf(store, subject, filter, { limit, before: after })
  return toConnection(
    changes,
    first,
    (change) => change._id,
    () => countChanges(store, subject, filter),
  )
}

/** The field `history` of a thing: its newest changes. */
export function historyField(type: SubjectType) {
  return async (
    { id }: { id: string },
    page: { first?: number | null },
    { caller, loaders }: SubgraphContext<AuditLoaders>,
  ): Promise<Change[]> => {
    requirePrincipal(caller.principal)
    if (type === 'APP') authorize(caller.principal, id, 'read')
    const { first } = readPage(page)
    const changes = await loaders.changes.load({ subject: { type, id }, first })
    for (const change of changes) authorize(caller.principal, change.app, 'read')
    return changes
  }
}

/** A caller may name a slot by its code, but the change log knows it by its id. */
async function resolveSubject(store: Store, { principal }: Caller, { type, id }: Change['subject']) {
  if (type === 'APP') return { type, id }
  if (type !== 'SLOT') return { type, id: parseInput(idOf(ID_KINDS[type]), id, 'subject.id') }
  const { _id } = await slots.requireNamed(store, id, 'subject.id', readerOf(principal))
  return { type, id: _id }
}
