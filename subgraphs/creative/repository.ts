// The collections of creatives and their revisions. Nothing else touches them.

import type { Db, IndexDefinition } from '../../common/store/collection.ts'
import { type HeadFilter, headFilter } from '../../common/store/filters.ts'
import { type Head, type Revision, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Pin } from '../../engine/publication/types.ts'

export type CreativeContent = {
  name: string
  title: string
  text: string | null
  image: { url: string; width: number | null; height: number | null; alt: string | null } | null
  link: string | null
  data: unknown
}

export type Creative = Head<CreativeContent>

const revisioned = revisionedRepository<CreativeContent>({
  kind: 'creative',
  what: 'creative',
  heads: 'creatives',
  revisions: 'creativeRevisions',
})

export const creatives = {
  ...revisioned,

  indexes: [
    ...revisioned.indexes,
    { collection: 'creativeRevisions', key: { app: 1, 'content.link': 1 } },
  ] as IndexDefinition[],

  /** The revisions of an app whose link begins with this text, in any letter case. At most `limit`. */
  async withLink(db: Db, app: string, prefix: string, limit: number): Promise<Pin[]> {
    const begins = { $regex: `^${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, $options: 'i' }
    const rows = db.collection<Revision<CreativeContent>>('creativeRevisions')
    const filter = { app, 'content.link': begins } as object
    const found = await rows.find(filter, { projection: { id: 1, revision: 1 }, limit })
    return found.map(({ id, revision }) => ({ id, revision }))
  },
}

/** From a CreativeFilter to a MongoDB filter. Its text is part of the name or the title. */
export const creativeFilter = (filter: HeadFilter): object => headFilter(filter, ['name', 'title'])
