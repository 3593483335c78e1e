// What lists are narrowed by, as MongoDB has it. What is left out or null does not narrow.

import type { ReviewState } from './revisioned.ts'

/** From `from` until just before `to`; without bound on a side that is null. */
export type Period = { from?: Date | null | undefined; to?: Date | null | undefined }

/** true: only those that are archived; left out, null or false: only those that are not. */
export type Archived = boolean | null | undefined | 'BOTH'

/** Narrows a list of heads; what is left out or null does not narrow, save that archived ones are left out. */
export type HeadFilter = {
  reviewStates?: readonly ReviewState[] | null
  /** Part of the name, in whatever letter case. */
  text?: string | null
  archived?: Archived
  /** When they were last changed. */
  changed?: Period | null
}

/** A HeadFilter as MongoDB has it. `texts` are the fields of the content that text is looked for in. */
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

/** Documents that have the text in one of the fields, in whatever letter case. */
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
