// Parses the format of a slot that an operator sent, and checks it.

import { z } from 'zod'
import { integer, optional, withDefault } from '../command/input.ts'
import { FORMAT_FIELDS, type FormatField, hasRatio, RATIO, type SlotFormat } from './format.ts'
import { schemaMistake } from './schema-mistake.ts'

/** Field name in GraphQL -> field name in a stored format. Example: `IMAGE` -> `image`. */
const FIELD_NAMES = new Map(FORMAT_FIELDS.map((field) => [field.toUpperCase(), field]))

const field = z.string().transform((name, context): FormatField => {
  const found = FIELD_NAMES.get(name)
  if (found) return found
  context.addIssue({ code: 'custom', message: `must be one of ${[...FIELD_NAMES.keys()].join(', ')}` })
  return z.NEVER
})

const side = optional(integer(1, 20_000))

const image = z
  .object({
    width: side,
    height: side,
    ratio: optional(z.string().regex(RATIO, 'must be two whole numbers from 1 to 9,999, as `16:9`')),
  })
  .refine(({ width, height, ratio }) => !width || !height || !ratio || hasRatio({ width, height }, ratio), {
    path: ['ratio'],
    message: 'must agree with width and height',
  })

const dataSchema = z
  .unknown()
  .superRefine((schema, context) => {
    const mistake = schemaMistake(schema)
    if (mistake) context.addIssue({ code: 'custom', message: mistake })
  })
  .transform((schema) => JSON.stringify(schema))

export const slotFormat = z.object({
  required: withDefault(
    z.array(field).transform((given) => FORMAT_FIELDS.filter((name) => given.includes(name))),
    [],
  ),
  image: optional(image),
  dataSchema: optional(dataSchema),
}) satisfies z.ZodType<SlotFormat>

/** A stored format in the form of the GraphQL schema. */
export function shownFormat({ required, image, dataSchema }: SlotFormat) {
  const parsed: unknown = dataSchema === null ? null : JSON.parse(dataSchema)
  return { required: required.map((name) => name.toUpperCase()), image, dataSchema: parsed }
}
