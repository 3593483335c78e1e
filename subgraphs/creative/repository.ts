// The collections of creatives and their revisions. Nothing else touches them.

import { type HeadFilter, headFilter } from '../../common/store/filters.ts'
import { type Head, revisionedRepository } from '../../common/store/revisioned.ts'

export type CreativeContent = {
  name: string
  title: string
  text: string | null
  image: { url: string; width: number | null; height: number | null; alt: string | null } | null
  link: string | null
  data: unknown
}

export type Creative = Head<CreativeContent>

export const creatives = revisionedRepository<CreativeContent>({
  kind: 'creative',
  what: 'creative',
  heads: 'creatives',
  revisions: 'creativeRevisions',
})

/** From a CreativeFilter to a MongoDB filter. Its text is part of the name or the title. */
export const creativeFilter = (filter: HeadFilter): object => headFilter(filter, ['name', 'title'])
