// What a slot's format asks of an image: exact sides, a ratio of them, or both. Only the size that the creative states
// is looked at; nothing fetches the image.

export type ImageRule = {
  /** In pixels; null: any. */
  width: number | null
  height: number | null
  /** As `16:9`; null: any. */
  ratio: string | null
}

type Size = { width: number; height: number }

/** A ratio: two whole numbers from 1 to 9,999. */
export const RATIO = /^[1-9]\d{0,3}:[1-9]\d{0,3}$/

/** Why an image does not keep the rule; undefined when it does. An image of unknown size keeps none. */
export function imageMistake(
  rule: ImageRule,
  image: { width: number | null; height: number | null },
): string | undefined {
  const { width, height } = image
  if (width === null || height === null) return `${needed(rule)}, but it is of unknown size`
  return keeps(rule, { width, height }) ? undefined : `${needed(rule)}, but it is ${width} x ${height}`
}

/**
 * Whether a size has the ratio. Whole pixels seldom have it exactly, so a side may be less than one pixel away from what
 * the other side gives: 1366 x 768 is 16:9.
 */
export function hasRatio({ width, height }: Size, ratio: string): boolean {
  const [wide, high] = ratio.split(':').map(Number) as [number, number]
  return Math.abs((width * high) / wide - height) < 1 || Math.abs((height * wide) / high - width) < 1
}

function keeps({ width, height, ratio }: ImageRule, size: Size): boolean {
  return (
    (width === null || width === size.width) &&
    (height === null || height === size.height) &&
    (ratio === null || hasRatio(size, ratio))
  )
}

function needed({ width, height, ratio }: ImageRule): string {
  const sides =
    width !== null && height !== null
      ? `of ${width} x ${height}`
      : [
          ...(width === null ? [] : [`${width} pixels wide`]),
          ...(height === null ? [] : [`${height} pixels high`]),
        ].join('')
  return ['needs an image', ...(sides ? [sides] : []), ...(ratio ? [`of ${ratio}`] : [])].join(' ')
}
