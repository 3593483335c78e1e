// What the graph types of schedules, creatives, strategies and segments share: resolvers for their fields, lists of their heads,
// and loaders for heads and exact revisions.

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

/** Resolvers for the fields of a head whose name or place in the document differs. GraphQL reads the others by name. */
export function headFields<Content extends object>(content: readonly (keyof Content & string)[]) {
  return {
    id: (head: Head<Content>) => head._id,
    ...Object.fromEntries(content.map((name) => [name, (head: Head<Content>) => head.content[name]])),
  }
}

/** The same for a revision. `content` is the JSON from which its hash is made, so dates are texts. */
export const revisionFields = {
  content: (revision: Revision<unknown>) => JSON.parse(JSON.stringify(revision.content)) as unknown,
  writtenAt: (revision: Revision<unknown>) => revision.at,
}

/** The filters that every list of heads has. GraphQL has checked the types, but not the length of texts. */
export const headFilterInput = z.object({
  reviewStates: optional(z.array(z.custom<ReviewState>())),
  text: optionalText(200),
  archived: optional(z.boolean()),
  changed: optional(period),
})

/** The heads of an app that match a MongoDB filter, newest first. Throws FORBIDDEN without a role in the app. */
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

/** Reads a thing again after a mutation, since the same request may have loaded its earlier state. */
export function loadAnew<T>(loader: DataLoader<string, T | null>, id: string): Promise<T | null> {
  return loader.clear(id).load(id)
}
