// Resolvers for decided creatives and explained decisions. Distribution and delivery share them.

import type { DecisionExplanation, ScheduleExplanation } from '../../engine/decision/explain-decision.ts'
import type { DecidedCreative } from '../../engine/decision/types.ts'

/** Only a preview sets these. `included`: the preview added this schedule. `archived`: ids of its archived parts. */
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
