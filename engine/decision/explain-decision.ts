// Explains a decision: for each schedule of the slot, that it was shown, or the first rule that kept it out. What was shown comes
// from `decide` itself. The rules are the compiled ones, but without the index. This looks at every schedule, so it is slow: it is
// for operators, not for apps' requests.

import type { FrequencyCap, Pin } from '../publication/types.ts'
import { type CompiledContext, readContext } from '../targeting/context.ts'
import { type ConstraintExplanation, explainConstraint } from '../targeting/explain-constraint.ts'
import type { RequestContext } from '../targeting/types.ts'
import { readCapToken } from './cap-token.ts'
import { type CapCounters, type CompiledCaps, capPeriodsOf, cappedBy, timesServed } from './caps.ts'
import type { CompiledEntry, CompiledSlot } from './compile-slot.ts'
import { decide, decideCutOff, drawFor } from './decide.ts'
import { bucketOf, isIn } from './rollout.ts'
import { tierOrder } from './tiers.ts'
import type { DecidedCreative, Decision } from './types.ts'
import { OpenNow } from './windows.ts'

/** The comparison that did not match. */
export type FailedComparison = Omit<Extract<ConstraintExplanation, { matched: false }>, 'matched'>

/** SHOWN, or the first rule that kept it out. The rules are checked in the order of this list. */
export type ScheduleReason =
  | { reason: 'SHOWN'; creative: DecidedCreative }
  /** The whole slot is stopped. */
  | { reason: 'STOPPED' }
  /** The node has not compared its table with the channel for longer than the slot allows: it serves only the fallback. */
  | { reason: 'STALE' }
  /** A cap of the slot is reached: this user gets only the fallback. */
  | { reason: 'SLOT_CAP'; cap: ReachedCap }
  | { reason: 'WINDOW' | 'DAY_PART' }
  | { reason: 'CONSTRAINT'; constraint: FailedComparison }
  /** Buckets 0 to `buckets` - 1 are in. `bucket` is that of the request; null: it has nothing to stick to. */
  | { reason: 'ROLLOUT'; rollout: { bucket: number | null; buckets: number } }
  | { reason: 'CAP'; cap: ReachedCap }
  /** The schedule with the id `exclusive` is shown alone. */
  | { reason: 'EXCLUSIVE'; exclusive: string }
  /** CAPACITY: the slot was full before. DUPLICATE: all of its creatives are shown already. */
  | { reason: 'CAPACITY' | 'DUPLICATE' }

/** `times`: how often the user was served it in the current period. */
export type ReachedCap = { limit: FrequencyCap; times: number }

/** Times are in ms since the Unix epoch; null is without bound. */
export type ScheduleExplanation = {
  schedule: Pin
  priority: number
  startsAt: number | null
  endsAt: number | null
} & ScheduleReason

export type DecisionExplanation = Pick<Decision, 'slot' | 'reason' | 'creatives' | 'revision' | 'chance'> & {
  /** The instant of the decision, in ms since the Unix epoch. */
  at: number
  /** In the order of the decision: exclusive ones first. */
  schedules: ScheduleExplanation[]
}

/**
 * Takes the arguments of `decide`, and explains what it answers. Counts nothing.
 *
 * @param isCutOff explains `decideCutOff` instead.
 */
export function explainDecision(
  slot: CompiledSlot,
  context: CompiledContext,
  now: number,
  random: () => number,
  counters: CapCounters | null = null,
  isCutOff = false,
): DecisionExplanation {
  const chance = random()
  // `now` may be any instant. An own `OpenNow` leaves the one that serves requests as it is.
  const copy = { ...slot, openNow: new OpenNow(slot.entries.map(({ windows }) => windows)) }
  const uncounted = counters && { ...counters, byId: new Map(counters.byId) }
  const { validUntil: _, ...decision } = isCutOff
    ? decideCutOff(slot, now)
    : decide(copy, context, now, () => chance, uncounted)

  const draw = drawFor(slot, context, now, () => chance)
  const order = [...slot.exclusive, ...slot.tiers].flatMap((tier) => tierOrder(slot, tier, slot.capacity, draw))
  const reasonOfSlot = slotReason(slot, now, counters, isCutOff)
  const shown = decision.reason === 'MATCHED' ? decision.creatives : []
  let filled = 0
  const schedules = order.map((position): ScheduleExplanation => {
    const entry = slot.entries[position]!
    const { schedule, priority, startsAt, endsAt } = entry.source
    const about = { schedule, priority, startsAt, endsAt }
    const creative = shown.find((one) => one.schedule === schedule.id)
    if (creative) {
      filled += 1
      return { ...about, reason: 'SHOWN', creative }
    }
    const ownReason = reasonOfSlot ?? entryReason(entry, context, now, counters)
    return { ...about, ...(ownReason ?? displacedReason(slot, shown, filled)) }
  })
  return { ...decision, at: now, schedules }
}

/** Explains what this request would be answered at `now`. Its cap token is read as of `now`, too. `zone` is that of the app. */
export function explainRequest(
  slot: CompiledSlot,
  request: RequestContext,
  { now, zone, random, isCutOff }: { now: number; zone: string; random: () => number; isCutOff?: boolean },
): DecisionExplanation {
  const context = readContext(request)
  const counters =
    context.key === null ? null : readCapToken(request.capToken, context.key, now, capPeriodsOf(zone)).counters
  return explainDecision(slot, context, now, random, counters, isCutOff)
}

/** The reason that keeps out every schedule of the slot. */
function slotReason(
  slot: CompiledSlot,
  now: number,
  counters: CapCounters | null,
  isCutOff: boolean,
): ScheduleReason | undefined {
  if (slot.stopped) return { reason: 'STOPPED' }
  if (isCutOff) return { reason: 'STALE' }
  const cap = reachedCap(slot.caps, now, counters)
  return cap && { reason: 'SLOT_CAP', cap }
}

/** The reason of the schedule itself, independent of the other schedules. */
function entryReason(
  { source, windows, rollout, caps }: CompiledEntry,
  context: CompiledContext,
  now: number,
  counters: CapCounters | null,
): ScheduleReason | undefined {
  const window = windows.reasonAt(now)
  if (window !== 'OPEN') return { reason: window }
  const constraint = source.constraint && explainConstraint(source.constraint, context)
  if (constraint?.matched === false) {
    const { matched: _, ...comparison } = constraint
    return { reason: 'CONSTRAINT', constraint: comparison }
  }
  if (rollout && !isIn(rollout, context)) {
    return { reason: 'ROLLOUT', rollout: { bucket: bucketOf(rollout, context), buckets: rollout.buckets } }
  }
  const cap = reachedCap(caps, now, counters)
  return cap && { reason: 'CAP', cap }
}

/** The reason why an eligible schedule was not shown: other schedules took its place. */
function displacedReason(slot: CompiledSlot, shown: readonly DecidedCreative[], filled: number): ScheduleReason {
  const first = shown[0]?.schedule
  const alone = slot.entries.find(({ source }) => source.exclusive && source.schedule.id === first)
  if (alone) return { reason: 'EXCLUSIVE', exclusive: alone.source.schedule.id }
  return { reason: filled >= slot.capacity ? 'CAPACITY' : 'DUPLICATE' }
}

function reachedCap(caps: CompiledCaps | null, now: number, counters: CapCounters | null): ReachedCap | undefined {
  const cap = caps && counters && cappedBy(counters, caps, now)
  return cap ? { limit: cap.source, times: timesServed(counters!, cap, now) } : undefined
}
