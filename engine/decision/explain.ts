// Why a decision is what it is: for each schedule of the slot, shown, or the first rule that kept it out. What is shown is
// what `decide` shows, and every rule is asked of what was compiled for it; only the index is left out. It looks at every
// schedule, and is for people who ask, not for requests.

import type { FrequencyCap, Pin } from '../publication/types.ts'
import { type CompiledContext, readContext } from '../targeting/context.ts'
import { type ConstraintExplanation, explainConstraint } from '../targeting/explain.ts'
import type { RequestContext } from '../targeting/types.ts'
import { readCapToken } from './cap-token.ts'
import { type CapCounters, type CompiledCaps, capPeriodsOf, cappedBy, timesServed } from './caps.ts'
import type { CompiledEntry, CompiledSlot } from './compile.ts'
import { OpenNow } from './open-now.ts'
import { bucketOf, isIn } from './rollout.ts'
import { decide, drawFor } from './select.ts'
import { tierOrder } from './tiers.ts'
import type { DecidedCreative, Decision } from './types.ts'

/** The comparison that kept a request out. */
export type FailedComparison = Omit<Extract<ConstraintExplanation, { matched: false }>, 'matched'>

/** SHOWN, or the first rule, in the order in which they are asked, that kept it out. */
export type ScheduleReason =
  | { reason: 'SHOWN'; creative: DecidedCreative }
  /** So is the whole slot. */
  | { reason: 'STOPPED' }
  /** A cap of the slot is reached: nothing in it is shown to this user. */
  | { reason: 'SLOT_CAP'; cap: ReachedCap }
  | { reason: 'WINDOW' | 'DAY_PART' }
  | { reason: 'CONSTRAINT'; constraint: FailedComparison }
  /** The bucket, 0 to 9,999, is null without anything to stick to; the first `buckets` are let in. */
  | { reason: 'ROLLOUT'; rollout: { bucket: number | null; buckets: number } }
  | { reason: 'CAP'; cap: ReachedCap }
  /** The schedule `exclusive` has the slot alone. */
  | { reason: 'EXCLUSIVE'; exclusive: string }
  /** All places were filled before it; or all of its creatives are shown already. */
  | { reason: 'CAPACITY' | 'DUPLICATE' }

/** `times`: how often the user was served it in the period that holds. */
export type ReachedCap = { limit: FrequencyCap; times: number }

/** Times are in ms since the Unix epoch; null is without bound. */
export type ScheduleExplanation = {
  schedule: Pin
  priority: number
  startsAt: number | null
  endsAt: number | null
} & ScheduleReason

export type DecisionExplanation = Pick<Decision, 'slot' | 'reason' | 'creatives' | 'revision' | 'chance'> & {
  /** The instant that was asked for, in ms since the Unix epoch. */
  at: number
  /** In the order in which the decision comes to them, exclusive ones first. */
  schedules: ScheduleExplanation[]
}

/** The same as `decide` is given, and its answer is what is explained. Nothing is counted. */
export function explainDecision(
  slot: CompiledSlot,
  context: CompiledContext,
  now: number,
  random: () => number,
  counters: CapCounters | null = null,
): DecisionExplanation {
  const chance = random()
  // Windows that were looked at for requests of now stay as they are, whatever instant is asked for.
  const apart = { ...slot, openNow: new OpenNow(slot.entries.map(({ windows }) => windows)) }
  const uncounted = counters && { ...counters, byId: new Map(counters.byId) }
  const { validUntil: _, ...decision } = decide(apart, context, now, () => chance, uncounted)

  const draw = drawFor(slot, context, now, () => chance)
  const order = [...slot.exclusive, ...slot.tiers].flatMap((tier) => tierOrder(slot, tier, draw))
  const ofSlot = slotReason(slot, now, counters)
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
    const ownReason = ofSlot ?? entryReason(entry, context, now, counters)
    return { ...about, ...(ownReason ?? crowdedOut(slot, shown, filled)) }
  })
  return { ...decision, at: now, schedules }
}

/** What the same request would be answered at `now`, which is also when its cap token is read; `zone` is that of the app. */
export function explainRequest(
  slot: CompiledSlot,
  request: RequestContext,
  { now, zone, random }: { now: number; zone: string; random: () => number },
): DecisionExplanation {
  const context = readContext(request)
  const counters =
    context.key === null ? null : readCapToken(request.capToken, context.key, now, capPeriodsOf(zone)).counters
  return explainDecision(slot, context, now, random, counters)
}

/** What keeps everything in the slot out. */
function slotReason(slot: CompiledSlot, now: number, counters: CapCounters | null): ScheduleReason | undefined {
  if (slot.stopped) return { reason: 'STOPPED' }
  const cap = reachedCap(slot.caps, now, counters)
  return cap && { reason: 'SLOT_CAP', cap }
}

/** What keeps a schedule out by itself, whatever else is in the slot. */
function entryReason(
  { source, windows, rollout, caps }: CompiledEntry,
  context: CompiledContext,
  now: number,
  counters: CapCounters | null,
): ScheduleReason | undefined {
  const window = windows.why(now)
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

/** What keeps a schedule out that matches. */
function crowdedOut(slot: CompiledSlot, shown: readonly DecidedCreative[], filled: number): ScheduleReason {
  const first = shown[0]?.schedule
  const alone = slot.entries.find(({ source }) => source.exclusive && source.schedule.id === first)
  if (alone) return { reason: 'EXCLUSIVE', exclusive: alone.source.schedule.id }
  return { reason: filled >= slot.capacity ? 'CAPACITY' : 'DUPLICATE' }
}

function reachedCap(caps: CompiledCaps | null, now: number, counters: CapCounters | null): ReachedCap | undefined {
  const cap = caps && counters && cappedBy(counters, caps, now)
  return cap ? { limit: cap.source, times: timesServed(counters!, cap, now) } : undefined
}
