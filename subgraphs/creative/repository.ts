// The collections of creatives and their revisions. Nothing else touches them.

import { type Head, type HeadFilter, headFilter, revisionedRepository } from '../../common/store/revisioned.ts'

export type CreativeContent = {
  name: string
  title: string
  text: string | null
  image: { url: string; width: number | null; height: number | null; alt: string | null } | null
  link: string | null
  data: unknown
}

export type Creative = Head<CreativeContent>

/** Narrows a list of creatives; text is part of the name or the title, `changed` is when they last were. */
export type CreativeFilter = HeadFilter & { changed?: { from?: Date | null; to?: Date | null } | null }

export const creatives = revisionedRepository<CreativeContent>({
  kind: 'creative',
  what: 'creative',
  heads: 'creatives',
  revisions: 'creativeRevisions',
})

/** A CreativeFilter as MongoDB has it. */
export function creativeFilter({ changed, ...filter }: CreativeFilter): object {
  const { from, to } = changed ?? {}
  const updatedAt = { ...(from ? { $gte: from } : {}), ...(to ? { $lt: to } : {}) }
  return { ...headFilter(filter, ['name', 'title']), ...(from || to ? { updatedAt } : {}) }
}
