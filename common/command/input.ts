// Parses the inputs of operators with zod. A mistake becomes BAD_USER_INPUT with its path, such as `input.content.weight`.

import { z } from 'zod'
import { isLonger } from '../../engine/text.ts'
import { badInput } from '../base/errors.ts'
import { ID_PREFIXES, type IdKind, kindOfId } from '../base/ids.ts'

/** The parsed value, or BAD_USER_INPUT with the path of the first mistake and a list of all. */
export function parseInput<T extends z.ZodType>(schema: T, value: unknown, root = 'input'): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [first, ...more] = result.error.issues.map((issue) => ({
    path: pathText(root, issue.path),
    message: issue.message,
  }))
  throw badInput(first!.path, first!.message, more)
}

export function pathText(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${String(part)}`),
    root,
  )
}

/** Text that is not empty, of at most `max` characters. By now it follows the rule for text (graphql/text-arguments.ts). */
export const text = (max: number) => anyText(max).min(1, 'must not be empty')

/** Optional text. Empty text, which forms send, counts as left out. What is left out becomes null. */
export const optionalText = (max: number) =>
  anyText(max)
    .nullish()
    .transform((given) => given || null)

const anyText = (max: number) =>
  z.string('must be text').refine((given) => !isLonger(given, max), `must be at most ${max} characters`)

/** The id or code of a thing. Whether the thing exists is checked later, in the transaction. */
export const reference = text(100)

/** The id of a thing of this kind. The id of another kind is refused with a clear message, in place of NOT_FOUND. */
export const idOf = (kind: IdKind) =>
  reference.superRefine((id, context) => {
    const other = kindOfId(id)
    if (other === undefined || other === kind) return
    const message = `must be the id of a ${kind} (${ID_PREFIXES[kind]}_...), but is that of a ${other}`
    context.addIssue({ code: 'custom', message })
  })

/** A field with a default. It also replaces null; the defaults of GraphQL replace only what is left out. */
export const withDefault = <T extends z.ZodType>(schema: T, value: z.output<T>) =>
  schema.nullish().transform((given): z.output<T> => given ?? value)

/** An optional field. What is left out becomes null, so that the same content always has the same fields and the same hash. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((given): z.output<T> | null => given ?? null)

export const integer = (min: number, max: number) =>
  z.number().int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)

/** A PeriodInput. `from` is included, `to` is not. Null: no bound on that side. */
export const period = z
  .object({ from: optional(z.date()), to: optional(z.date()) })
  .refine(({ from, to }) => !from || !to || from < to, { path: ['to'], message: 'must be after from' })

/** An optional idempotency key: 1 to 128 printable characters. */
export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable characters without spaces')
  .nullish()

export const expectedVersion = z.number().int().min(1)
