// Lists of publications: what they can be narrowed by.

import { authorize } from '../../common/access/rights.ts'
import { refuseUnknownApp } from '../../common/apps/apps.ts'
import { parseInput, period as periodInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type Connection, type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { slots } from '../schedule/repository.ts'
import { type PublicationRecord, publications } from './repository.ts'

export type ListArguments = PageArguments & { app: string; slot?: string | null; period?: unknown }

/** Those of an app, or of one of its slots, newest first. FORBIDDEN without a role in the app. */
export async function listPublications(
  { store }: Services,
  caller: Caller,
  { app, slot, period, ...page }: ListArguments,
): Promise<Connection<PublicationRecord>> {
  authorize(caller.principal, app, 'read')
  const { first, limit, after } = readPage(page)
  const { from, to } = parseInput(periodInput, period ?? {}, 'period')
  const filter = {
    app,
    slot: slot ? slots.keyIn(app, slot) : undefined,
    from: from ?? undefined,
    to: to ?? undefined,
  }
  const found = await publications.page(store, filter, { limit, before: after })
  await refuseUnknownApp(store, app, found, after)
  // Of a slot that there is, and in which nothing was published yet, there are none.
  if (slot && found.length === 0) await slots.requireIn(store, app, slot, 'slot')
  return toConnection(
    found,
    first,
    ({ _id }) => _id,
    () => publications.count(store, filter),
  )
}
