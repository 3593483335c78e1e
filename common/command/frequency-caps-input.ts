// Checks the frequency caps that operators write, in strategies and in slots. engine/decision/caps.ts enforces them.

import { z } from 'zod'
import type { FrequencyCap } from '../../engine/publication/types.ts'
import { integer, withDefault } from './input.ts'

const frequencyCap = z
  .object({
    count: integer(1, 1_000_000),
    every: withDefault(integer(1, 366), 1),
    unit: z.enum(['MINUTE', 'HOUR', 'DAY', 'LIFETIME']),
  })
  .refine(({ every, unit }) => unit !== 'LIFETIME' || every === 1, {
    path: ['every'],
    message: 'must be left out: there is only one lifetime',
  })

/** A list of at most ten caps with different periods. Empty when it is left out. */
export const frequencyCaps = withDefault(
  z.array(frequencyCap).max(10, 'must hold at most 10').superRefine(refuseRepeats),
  [],
)

/** Two caps with the same period are refused: only the lower one would have an effect. */
function refuseRepeats(caps: readonly FrequencyCap[], context: z.RefinementCtx): void {
  for (const [index, { every, unit }] of caps.entries()) {
    const first = caps.findIndex((cap) => cap.every === every && cap.unit === unit)
    if (first === index) continue
    context.addIssue({ code: 'custom', path: [index], message: `has the same period as the cap at ${first}` })
  }
}
