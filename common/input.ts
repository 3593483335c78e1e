// Parsing at the edge: zod says what is wrong, BAD_USER_INPUT says where.

import { z } from 'zod'
import { badInput } from './errors.ts'

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

/** Text as people type it: trimmed, not empty, at most `max` characters. */
export const text = (max: number) =>
  z.string().trim().min(1, 'must not be empty').max(max, `must be at most ${max} characters`)

export const integer = (min: number, max: number) =>
  z.number().int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`)

/** An optional idempotency key: 1 to 128 printable characters. */
export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable characters without spaces')
  .nullish()

export const expectedVersion = z.number().int().min(1)
