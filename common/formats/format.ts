// The format of a slot: what a creative must have to be shown in it. Creatives are checked when they are booked. Their pinned
// revisions are checked again when they are published.

import { dataMistake } from './data-schema.ts'

/** The fields of a creative that a format can require. */
export const FORMAT_FIELDS = ['text', 'image', 'link', 'data'] as const
export type FormatField = (typeof FORMAT_FIELDS)[number]

export type SlotFormat = {
  /** Fields that a creative must have. Every creative has a title. */
  required: FormatField[]
  /** The rule for the image, if the creative has one. Null: any image. */
  image: ImageRule | null
  /**
   * The JSON Schema (2020-12) of the free data, if the creative has some. Null: any data. It is stored as JSON text, because keys such
   * as `$ref` have a special meaning for MongoDB and its driver.
   */
  dataSchema: string | null
}

export type ImageRule = {
  /** In pixels. Null: any. */
  width: number | null
  height: number | null
  /** For example `16:9`. Null: any. */
  ratio: string | null
}

/** The part of a creative's content that a format checks. */
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
 * All mistakes of the content against the format. Empty when it fits, and when there is no format. Each mistake is a sentence without
 * a subject, for example `needs an image of 16:9, but it is 1200 x 400`.
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

type Size = { width: number; height: number }

/** A ratio: two whole numbers from 1 to 9,999. */
export const RATIO = /^[1-9]\d{0,3}:[1-9]\d{0,3}$/

/**
 * Why an image does not fit the rule. Undefined when it fits. The check uses the size in the creative, and does not fetch the image.
 * An image of unknown size fits no rule.
 */
function imageMistake(rule: ImageRule, image: { width: number | null; height: number | null }): string | undefined {
  const { width, height } = image
  if (width === null || height === null) return `${requirementOf(rule)}, but it is of unknown size`
  return fits(rule, { width, height }) ? undefined : `${requirementOf(rule)}, but it is ${width} x ${height}`
}

/**
 * Whether a size has the ratio. Whole pixels seldom match it exactly. So one side may differ by less than one pixel from the exact
 * value. Example: 1366 x 768 is 16:9, because 768 x 16 / 9 is 1365.33.
 */
export function hasRatio({ width, height }: Size, ratio: string): boolean {
  const [wide, high] = ratio.split(':').map(Number) as [number, number]
  return Math.abs((width * high) / wide - height) < 1 || Math.abs((height * wide) / high - width) < 1
}

function fits({ width, height, ratio }: ImageRule, size: Size): boolean {
  return (
    (width === null || width === size.width) &&
    (height === null || height === size.height) &&
    (ratio === null || hasRatio(size, ratio))
  )
}

function requirementOf({ width, height, ratio }: ImageRule): string {
  const sides =
    width !== null && height !== null
      ? `of ${width} x ${height}`
      : [
          ...(width === null ? [] : [`${width} pixels wide`]),
          ...(height === null ? [] : [`${height} pixels high`]),
        ].join('')
  return ['needs an image', ...(sides ? [sides] : []), ...(ratio ? [`of ${ratio}`] : [])].join(' ')
}
