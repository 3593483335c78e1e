// What a decision is: the answer for one slot and one request.

import type { PublishedCreative } from '../publication/types.ts'

/**
 * MATCHED: schedules matched. FALLBACK: none did, the slot's fallback is shown. EMPTY: nor is there a fallback.
 * STOPPED: the slot is stopped. UNKNOWN_SLOT: there is no such slot.
 */
export type DecisionReason = 'MATCHED' | 'FALLBACK' | 'EMPTY' | 'STOPPED' | 'UNKNOWN_SLOT'

/** A creative in an answer. One object per publication, the same in every answer; not to be changed. */
export type DecidedCreative = Readonly<
  PublishedCreative & {
    /** The schedule that shows it; null for a fallback. */
    schedule: string | null
    /** To be sent back with its impressions and clicks. */
    eventToken: string
  }
>

export type Decision = {
  /** The slot's code, as asked for. */
  slot: string
  reason: DecisionReason
  /** In the order in which they are to be shown. */
  creatives: DecidedCreative[]
  /** Of the publication; null when there is none. */
  revision: number | null
  /**
   * Until when the same request gets the same answer from this publication, in ms since the Unix epoch: the next
   * instant at which a window opens or closes or the rotation turns. Infinity when only a publication can change it.
   */
  validUntil: number
  /** Whether chance had a part in it, for want of a user or device: another request may get another answer. */
  chance: boolean
}

export function emptyDecision(slot: string, reason: DecisionReason): Decision {
  return { slot, reason, creatives: [], revision: null, validUntil: Number.POSITIVE_INFINITY, chance: false }
}
