// What lists are narrowed by, as MongoDB has it. What is left out or null does not narrow.

/** From `from` until just before `to`; without bound on a side that is null. */
export type Period = { from?: Date | null | undefined; to?: Date | null | undefined }

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
