// Translates the filters of lists into filters of MongoDB. A filter that is left out or null selects all.

import type { ReviewState } from './revisioned.ts'

/** `from` is included, `to` is not. Null: no bound on that side. */
export type Period = { from?: Date | null | undefined; to?: Date | null | undefined }

/** true: only archived things. Left out, null or false: only things that are not archived. */
export type Archived = boolean | null | undefined | 'BOTH'

/** Selects heads. A field that is left out or null selects all, except `archived`: by default, archived heads are left out. */
export type HeadFilter = {
  reviewStates?: readonly ReviewState[] | null
  /** Part of the name. Letter case does not matter. */
  text?: string | null
  archived?: Archived
  /** When they were last changed. */
  changed?: Period | null
}

/** `texts`: the fields of the content in which `filter.text` is searched. */
export function headFilter(filter: HeadFilter, texts: readonly string[] = ['name']): object {
  const { reviewStates, text, archived, changed } = filter
  return {
    ...archivedFilter(archived),
    ...(reviewStates ? { reviewState: { $in: reviewStates } } : {}),
    ...textFilter(
      text,
      texts.map((field) => `content.${field}`),
    ),
    ...periodFilter(changed, 'updatedAt'),
  }
}

export function archivedFilter(archived: Archived): object {
  if (archived === 'BOTH') return {}
  return { archivedAt: archived ? { $ne: null } : null }
}

/** Documents with the text in one of the fields. Letter case does not matter. */
export function textFilter(text: string | null | undefined, fields: readonly string[]): object {
  if (!text) return {}
  const $regex = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return { $or: fields.map((field) => ({ [field]: { $regex, $options: 'i' } })) }
}

/** Documents whose date in the field is in the period. */
export function periodFilter(period: Period | null | undefined, field: string): object {
  const { from, to } = period ?? {}
  if (!from && !to) return {}
  return { [field]: { ...(from ? { $gte: from } : {}), ...(to ? { $lt: to } : {}) } }
}
