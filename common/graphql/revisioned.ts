// What schedules, creatives, strategies and segments have in common in the graph: how their documents map to their
// types, lists of them, and loaders that read all the heads, or all the exact revisions, that a request asks for at once.

import type DataLoader from 'dataloader'
import { z } from 'zod'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import { authorize } from '../access/rights.ts'
import { refuseUnknownApp } from '../apps/apps.ts'
import { optional, optionalText, period } from '../command/input.ts'
import type { Caller } from '../command/services.ts'
import type { Db } from '../store/collection.ts'
import type { Head, ReviewState, Revision } from '../store/revisioned.ts'
import { type Connection, type PageArguments, readPage, toConnection } from './connection.ts'
import { loaderById, loaderByKey } from './loader.ts'

/** Fields of a head that are called or placed otherwise in its document; the rest are its own. */
export function headFields<Content extends object>(content: readonly (keyof Content & string)[]) {
  return {
    id: (head: Head<Content>) => head._id,
    ...Object.fromEntries(content.map((name) => [name, (head: Head<Content>) => head.content[name]])),
  }
}

/** The same of a revision. Its content is shown as the JSON that its hash is of, so dates are texts. */
export const revisionFields = {
  content: (revision: Revision<unknown>) => JSON.parse(JSON.stringify(revision.content)) as unknown,
  writtenAt: (revision: Revision<unknown>) => revision.at,
}

/** What every list of heads can be narrowed by. GraphQL has checked the types; how long the text is, it has not. */
export const headFilterInput = z.object({
  reviewStates: optional(z.array(z.custom<ReviewState>())),
  text: optionalText(200),
  archived: optional(z.boolean()),
  changed: optional(period),
})

/** Those of an app that pass the filter (as MongoDB has it), newest first. FORBIDDEN without a role in the app. */
export async function headConnection<H extends { _id: string }>(
  db: Db,
  caller: Caller,
  repository: {
    page(db: Db, app: string, filter: object, page: { limit: number; before?: string | undefined }): Promise<H[]>
    count(db: Db, app: string, filter: object): Promise<number>
  },
  { app, filter, ...page }: PageArguments & { app: string; filter: object },
): Promise<Connection<H>> {
  authorize(caller.principal, app, 'read')
  const { first, limit, after } = readPage(page)
  const found = await repository.page(db, app, filter, { limit, before: after })
  await refuseUnknownApp(db, app, found, after)
  return toConnection(
    found,
    first,
    (head) => head._id,
    () => repository.count(db, app, filter),
  )
}

export type RevisionedLoaders<H, R> = {
  heads: DataLoader<string, H | null>
  revisions: DataLoader<Pin, R | null, string>
}

export function revisionedLoaders<H, R>(
  db: Db,
  repository: {
    byIds(db: Db, ids: readonly string[]): Promise<(H | null)[]>
    atPins(db: Db, pins: readonly Pin[]): Promise<(R | null)[]>
  },
): RevisionedLoaders<H, R> {
  return {
    heads: loaderById((ids) => repository.byIds(db, ids)),
    revisions: loaderByKey<Pin, R | null>((pins) => repository.atPins(db, pins), pinText),
  }
}

/** What a mutation answers: the thing as it is after it, whatever the same request read before. */
export function loadAnew<T>(loader: DataLoader<string, T | null>, id: string): Promise<T | null> {
  return loader.clear(id).load(id)
}
