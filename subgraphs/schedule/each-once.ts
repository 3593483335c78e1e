// A list of ids in which none comes twice.

import type { z } from 'zod'

/** Refuses an id that comes a second time; `within` is where in the item it stands. */
export function eachOnce(within: string[]) {
  return (ids: readonly string[], context: z.RefinementCtx) => {
    for (const [index, id] of ids.entries()) {
      if (ids.indexOf(id) === index) continue
      context.addIssue({ code: 'custom', path: [index, ...within], message: `${JSON.stringify(id)} is there already` })
    }
  }
}
