// Checks of inputs that the services of this subgraph share: patches, lists without repeats, and time zones.

import { z } from 'zod'
import { canonicalJson } from '../../common/base/content-hash.ts'
import { parseInput, text } from '../../common/command/input.ts'
import { zoneName } from '../../engine/time/wall-clock.ts'

/**
 * Parses a patch: the fields of `identity`, and those of `fields` that the input names. A field that is left out stays as it is;
 * an explicit null takes the default or clears the field. So a field that is left out must not get its default here.
 *
 * @throws AlkaidError BAD_USER_INPUT.
 */
export function parsePatch<I extends z.ZodRawShape, F extends z.ZodRawShape>(identity: I, fields: F, input: object) {
  const isNamed = (name: string) => (input as Record<string, unknown>)[name] !== undefined
  const named = Object.fromEntries(Object.entries(fields).filter(([name]) => isNamed(name)))
  type Parsed = z.output<z.ZodObject<I>> & Partial<z.output<z.ZodObject<F>>>
  return parseInput(z.object({ ...identity, ...named }), input) as Parsed
}

/** Whether the thing has all values of the patch already. Then the caller writes nothing. */
export function changesNothing<T extends object>(before: T, patch: Partial<T>): boolean {
  return Object.entries(patch).every(([name, value]) => canonicalJson(value) === canonicalJson(before[name as keyof T]))
}

/** Refuses an id that is in the list twice. `path` leads from an item of the input to its id, as in `['creative']`. */
export function refuseRepeats(path: string[]) {
  return (ids: readonly string[], context: z.RefinementCtx) => {
    for (const [index, id] of ids.entries()) {
      if (ids.indexOf(id) === index) continue
      context.addIssue({ code: 'custom', path: [index, ...path], message: `${JSON.stringify(id)} is there already` })
    }
  }
}

/** An IANA time zone in any letter case. The result has its usual spelling: `asia/shanghai` becomes `Asia/Shanghai`. */
export const zone = text(64).transform((name, context) => {
  const zone = zoneName(name)
  if (zone !== undefined) return zone
  context.addIssue({ code: 'custom', message: 'must be an IANA zone, as `Asia/Shanghai`' })
  return z.NEVER
})
