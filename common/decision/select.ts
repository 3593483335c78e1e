// The decision: which creatives one request gets in one slot. Synchronous, without I/O, and a function of
// nothing but its arguments.

import type { CompiledContext } from '../targeting/context.ts'
import type { CompiledCreative, CompiledEntry, CompiledSlot } from './compile.ts'
import { drawOf, orderKey } from './hash.ts'
import { isIn } from './rollout.ts'
import { type DecidedCreative, type Decision, emptyDecision } from './types.ts'
import { createWeightedOrder } from './weighted-order.ts'

/** Shared by all decisions: none of them gives way to another before it is done. */
const order = createWeightedOrder()

/**
 * Windows, constraints, rollouts, tiers by descending priority until capacity is filled, weighted order within a tier, one
 * creative per schedule, none twice; the fallback when nothing matched.
 *
 * @param now in ms since the Unix epoch.
 * @param random uniform in [0, 1); asked only when the context has neither user nor device.
 */
export function decide(slot: CompiledSlot, context: CompiledContext, now: number, random: () => number): Decision {
  if (slot.stopped) return { ...emptyDecision(slot.code, 'STOPPED'), revision: slot.stamp.revision }

  const period = Math.floor(now / slot.rotationMs)
  const draw = drawOf(context.key === null ? random() * 2 ** 32 : context.keyHash, period)
  const creatives: DecidedCreative[] = []
  let hadChoice = false
  for (const tier of slot.tiers) {
    if (creatives.length >= slot.capacity) break
    for (const entry of tier) {
      if (isCandidate(entry, context, now)) order.add(entry, orderKey(draw, entry.seed, entry.weight))
    }
    hadChoice ||= order.size > 1
    while (creatives.length < slot.capacity) {
      const entry = order.take()
      if (!entry) break
      hadChoice ||= entry.creatives.length > 1
      const creative = chooseCreative(entry, draw, creatives)
      if (creative) creatives.push(creative)
    }
    order.clear()
  }

  const matched = creatives.length > 0
  if (!matched)
    for (let at = 0; at < slot.fallback.length && at < slot.capacity; at += 1) creatives.push(slot.fallback[at]!)
  return {
    slot: slot.code,
    reason: matched ? 'MATCHED' : creatives.length > 0 ? 'FALLBACK' : 'EMPTY',
    creatives,
    revision: slot.stamp.revision,
    validUntil: Math.min(nextBoundary(slot.boundaries, now), (period + 1) * slot.rotationMs),
    chance: context.key === null && hadChoice,
  }
}

function isCandidate(entry: CompiledEntry, context: CompiledContext, now: number): boolean {
  return (
    entry.startsAt <= now &&
    now < entry.endsAt &&
    (entry.matches === null || entry.matches(context)) &&
    (entry.rollout === null || isIn(entry.rollout, context))
  )
}

/** The first in this user's weighted order that is not shown yet; undefined when all are. */
function chooseCreative(
  entry: CompiledEntry,
  draw: number,
  shown: readonly DecidedCreative[],
): DecidedCreative | undefined {
  let best: CompiledCreative | undefined
  let bestKey = Number.POSITIVE_INFINITY
  for (const creative of entry.creatives) {
    if (isShown(creative.answer.id, shown)) continue
    const key = entry.creatives.length === 1 ? 0 : orderKey(draw, creative.seed, creative.weight)
    if (best && key >= bestKey) continue
    best = creative
    bestKey = key
  }
  return best?.answer
}

function isShown(id: string, shown: readonly DecidedCreative[]): boolean {
  for (const creative of shown) if (creative.id === id) return true
  return false
}

/** The first boundary after `now`, by binary search; Infinity when there is none. */
function nextBoundary(boundaries: Float64Array, now: number): number {
  let low = 0
  let high = boundaries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (boundaries[middle]! > now) high = middle
    else low = middle + 1
  }
  return boundaries[low] ?? Number.POSITIVE_INFINITY
}
