// A patch names only what is to change: what is left out stays as it is, and an explicit null takes the default or
// clears. The two must not be mixed up, so the parser is made of the fields that are named.

import { z } from 'zod'
import { canonicalJson } from '../../common/base/content-hash.ts'
import { parseInput } from '../../common/command/input.ts'

/** Whether everything that the patch names is so already: then nothing is written. */
export function changesNothing<T extends object>(before: T, patch: Partial<T>): boolean {
  return Object.entries(patch).every(([name, value]) => canonicalJson(value) === canonicalJson(before[name as keyof T]))
}

/** The patch with the fields of `identity`, and of `fields` those that are named; BAD_USER_INPUT otherwise. */
export function parsePatch<I extends z.ZodRawShape, F extends z.ZodRawShape>(identity: I, fields: F, given: object) {
  const isNamed = (name: string) => (given as Record<string, unknown>)[name] !== undefined
  const named = Object.fromEntries(Object.entries(fields).filter(([name]) => isNamed(name)))
  type Parsed = z.output<z.ZodObject<I>> & Partial<z.output<z.ZodObject<F>>>
  return parseInput(z.object({ ...identity, ...named }), given) as Parsed
}
