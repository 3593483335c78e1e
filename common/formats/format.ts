// The format of a slot: what a creative must have to be shown in it. A value inside its slot; it is held against
// creatives when they are booked, and again, at their pinned revisions, when they are published.

/** The fields of a creative that a format can require. */
export const FORMAT_FIELDS = ['text', 'image', 'link', 'data'] as const
export type FormatField = (typeof FORMAT_FIELDS)[number]

export type SlotFormat = {
  /** Fields that a creative must have; it always has a title. */
  required: FormatField[]
  /** What an image must be, where there is one; null: anything. Pixels; `ratio` as `16:9`. */
  image: { width: number | null; height: number | null; ratio: string | null } | null
  /** JSON Schema (2020-12) of the free data, where there is some; null: anything. */
  dataSchema: unknown
}

/** What a format looks at in a creative's content. */
export type FormattedContent = {
  text: string | null
  image: { width: number | null; height: number | null } | null
  link: string | null
  data: unknown
}
