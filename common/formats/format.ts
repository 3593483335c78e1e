// The format of a slot: what a creative must have to be shown in it. A value inside its slot; it is held against
// creatives when they are booked, and again, at their pinned revisions, when they are published.

import { dataMistake } from './data-schema.ts'
import { type ImageRule, imageMistake } from './image-rule.ts'

/** The fields of a creative that a format can require. */
export const FORMAT_FIELDS = ['text', 'image', 'link', 'data'] as const
export type FormatField = (typeof FORMAT_FIELDS)[number]

export type SlotFormat = {
  /** Fields that a creative must have; it always has a title. */
  required: FormatField[]
  /** What an image must be, where there is one; null: anything. */
  image: ImageRule | null
  /**
   * JSON Schema (2020-12) of the free data, where there is some, as JSON text; null: anything. Text, since MongoDB and
   * its driver give keys such as `$ref` a meaning of their own.
   */
  dataSchema: string | null
}

/** What a format looks at in a creative's content. */
export type FormattedContent = {
  text: string | null
  image: { width: number | null; height: number | null } | null
  link: string | null
  data: unknown
}

const NEEDS: Record<FormatField, string> = {
  text: 'needs a text',
  image: 'needs an image',
  link: 'needs a link',
  data: 'needs data',
}

/**
 * Every way in which the content does not fit the format; none when it fits, or when there is no format. Each is a
 * sentence without its subject, as `needs an image of 16:9, but it is 1200 x 400`.
 */
export function formatMistakes(format: SlotFormat | null, content: FormattedContent): string[] {
  if (!format) return []
  const { image, data } = content
  return [
    ...format.required.filter((field) => content[field] === null).map((field) => NEEDS[field]),
    ...(format.image && image ? asList(imageMistake(format.image, image)) : []),
    ...(format.dataSchema !== null && data !== null ? asList(dataMistake(format.dataSchema, data)) : []),
  ]
}

const asList = (mistake: string | undefined): string[] => (mistake === undefined ? [] : [mistake])
