// Lists of publications: what they can be narrowed by.

import { authorize } from '../../common/auth.ts'
import { type Connection, type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { parseInput, period as periodInput } from '../../common/input.ts'
import type { Caller, Services } from '../../common/services.ts'
import { type PublicationRecord, publications } from './repository.ts'

export type ListArguments = PageArguments & { app: string; slot?: string | null; period?: unknown }

/** Those of an app, or of the slot with this code, newest first. FORBIDDEN without a role in the app. */
export async function listPublications(
  { store }: Services,
  caller: Caller,
  { app, slot, period, ...page }: ListArguments,
): Promise<Connection<PublicationRecord>> {
  authorize(caller.principal, app, 'read')
  const { first, limit, after } = readPage(page)
  const { from, to } = parseInput(periodInput, period ?? {}, 'period')
  const filter = { app, code: slot ?? undefined, from: from ?? undefined, to: to ?? undefined }
  return toConnection(
    await publications.page(store, filter, { limit, before: after }),
    first,
    ({ _id }) => _id,
    () => publications.count(store, filter),
  )
}
