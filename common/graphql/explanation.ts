// How decided creatives and explanations appear in the graph, whichever subgraph made them.

import type { DecisionExplanation, ScheduleExplanation } from '../../engine/decision/explain-decision.ts'
import type { DecidedCreative } from '../../engine/decision/types.ts'

/** `included`: whether a preview put it in, `archived`: what of it is archived; left out where nothing is put in. */
type Explained = ScheduleExplanation & { included?: boolean; archived?: string[] }

export const explanationTypes = {
  DecidedCreative: { creative: ({ id }: DecidedCreative) => id },
  DecisionExplanation: { at: ({ at }: DecisionExplanation) => new Date(at) },
  ScheduleExplanation: {
    included: ({ included }: Explained) => included ?? false,
    archived: ({ archived }: Explained) => archived ?? [],
    startsAt: ({ startsAt }: Explained) => dateOf(startsAt),
    endsAt: ({ endsAt }: Explained) => dateOf(endsAt),
  },
}

function dateOf(instant: number | null): Date | null {
  return instant === null ? null : new Date(instant)
}
