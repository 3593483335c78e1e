// A decision: the answer for one slot and one request.

import type { PublishedCreative } from '../publication/types.ts'

/**
 * MATCHED: schedules are shown. FALLBACK: no schedule matched, so the fallback of the slot is shown. EMPTY: there is no
 * fallback either. STOPPED: the slot is stopped. UNKNOWN_SLOT: there is no such slot.
 */
export type DecisionReason = 'MATCHED' | 'FALLBACK' | 'EMPTY' | 'STOPPED' | 'UNKNOWN_SLOT'

/** A creative in an answer. All answers share one object per publication, so nobody may change it. */
export type DecidedCreative = Readonly<
  PublishedCreative & {
    /** The id of the schedule that shows it; null: it is a fallback. */
    schedule: string | null
    /** Apps send it back with impressions and clicks. */
    eventToken: string
  }
>

export type Decision = {
  /** The code of the slot. */
  slot: string
  reason: DecisionReason
  /** In the order in which they are to be shown. */
  creatives: DecidedCreative[]
  /** The revision of the publication; null: there is none. */
  revision: number | null
  /**
   * Until when the same request gets the same answer from this publication, in ms since the Unix epoch. It is the next
   * instant at which a window opens or closes, or a new rotation period begins. Infinity: only a new publication changes it.
   */
  validUntil: number
  /** Whether it was random, because the request has neither user nor device. The same request may get another answer. */
  chance: boolean
}

export function emptyDecision(slot: string, reason: DecisionReason): Decision {
  return { slot, reason, creatives: [], revision: null, validUntil: Number.POSITIVE_INFINITY, chance: false }
}
